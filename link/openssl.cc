// SPDX-License-Identifier: Apache-2.0
#include "link/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace nodevol::link::openssl {
namespace {

Bio Open(absl::string_view pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// OpenSSL calls it for each SSL_CTX that is made, whoever makes it.
void OnNewContext(void* context, void*, CRYPTO_EX_DATA*, int, long, void*) {
  SSL_CTX_set_mode(static_cast<SSL_CTX*>(context), SSL_MODE_RELEASE_BUFFERS);
}

}  // namespace

void GiveUpIdleBuffers() { SSL_CTX_get_ex_new_index(0, nullptr, OnNewContext, nullptr, nullptr); }

std::vector<Cert> ReadCertificates(absl::string_view pem) {
  std::vector<Cert> all;
  const Bio bio = Open(pem);
  while (X509* const next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    all.emplace_back(next);
  }
  ERR_clear_error();  // the end of the text is one
  return all;
}

Key ReadKey(absl::string_view pem) {
  const Bio bio = Open(pem);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return key;
}

}  // namespace nodevol::link::openssl
