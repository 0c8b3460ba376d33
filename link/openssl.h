// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_OPENSSL_H_
#define NODEVOL_LINK_OPENSSL_H_

#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

// What of OpenSSL's objects this folder uses, each freed with its pointer.
namespace nodevol::link::openssl {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Cert = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

// For the whole process, before its first handshake: a connection has no buffers (34 KiB of each)
// while nothing is sent. gRPC 1.51 has no other way to say it.
void GiveUpIdleBuffers();

// All certificates of a PEM text; none when it is no such text.
std::vector<Cert> ReadCertificates(absl::string_view pem);
// Null when the text holds no private key.
Key ReadKey(absl::string_view pem);

}  // namespace nodevol::link::openssl

#endif  // NODEVOL_LINK_OPENSSL_H_
