// SPDX-License-Identifier: Apache-2.0
#include "link/certificate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "base/status_macros.h"
#include "link/openssl.h"

namespace nodevol::link {
namespace {

using openssl::Cert;
using openssl::Key;

constexpr int kSerialBits = 127;
constexpr size_t kMaxCommonName = 64;  // of X.509

absl::Status Failed(absl::string_view what) {
  const unsigned long error = ERR_get_error();
  const char* const reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return absl::InternalError(
      absl::StrCat("can't ", what, ": ", reason == nullptr ? "OpenSSL does not say why" : reason));
}

absl::Status CannotBeAName(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text), "\" can't be a name in a certificate"));
}

absl::Status CheckText(absl::string_view text) {
  const bool printable = std::all_of(text.begin(), text.end(), absl::ascii_isprint);
  return !text.empty() && printable ? absl::OkStatus() : CannotBeAName(text);
}

// Alternative names go into OpenSSL's own little language, where a comma begins something new, the
// end of a line ends it, and spaces around a name are no part of it: it would be another's.
absl::Status CheckAlternativeName(absl::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), absl::ascii_isgraph);
  return !name.empty() && plain && !absl::StrContains(name, ',') ? absl::OkStatus()
                                                                 : CannotBeAName(name);
}

absl::StatusOr<std::string> ToText(bool (*write)(BIO*, const void*), const void* object) {
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  if (!write(bio.get(), object)) return Failed("write PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::Status SetName(X509_NAME* name, const std::string& whole_name) {
  // Nobody is known by it: of a longer one the beginning tells people enough.
  const std::string common_name = whole_name.substr(0, kMaxCommonName);
  const auto* const text = reinterpret_cast<const unsigned char*>(common_name.data());
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text,
                                 static_cast<int>(common_name.size()), -1, 0) == 1) {
    return absl::OkStatus();
  }
  return Failed("set the name");
}

absl::Status Add(X509* cert, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  const openssl::Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  if (extension == nullptr || X509_add_ext(cert, extension.get(), -1) != 1) {
    return Failed(absl::StrCat("add the extension ", value));
  }
  return absl::OkStatus();
}

// A certificate for the key that is complete but for its extensions, its issuer and its signature.
absl::StatusOr<Cert> Begin(const std::string& common_name, EVP_PKEY* key,
                           const Validity& validity) {
  RETURN_IF_ERROR(CheckText(common_name));
  Cert cert(X509_new());
  const std::unique_ptr<BIGNUM, openssl::Deleter<BN_free>> serial(BN_new());
  if (X509_set_version(cert.get(), X509_VERSION_3) != 1 ||
      BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(cert.get())) == nullptr ||
      ASN1_TIME_set(X509_getm_notBefore(cert.get()), absl::ToTimeT(validity.from)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(cert.get()), absl::ToTimeT(validity.until)) == nullptr ||
      X509_set_pubkey(cert.get(), key) != 1) {
    return Failed("make a certificate");
  }
  RETURN_IF_ERROR(SetName(X509_get_subject_name(cert.get()), common_name));
  return cert;
}

absl::StatusOr<Certificate> Finish(X509* cert, X509* issuer, EVP_PKEY* issuer_key, EVP_PKEY* key) {
  if (X509_set_issuer_name(cert, X509_get_subject_name(issuer)) != 1 ||
      X509_sign(cert, issuer_key, EVP_sha256()) == 0) {
    return Failed("sign the certificate");
  }
  Certificate made;
  ASSIGN_OR_RETURN(made.cert, ToText(
                                  [](BIO* bio, const void* object) {
                                    return PEM_write_bio_X509(
                                               bio, static_cast<const X509*>(object)) == 1;
                                  },
                                  cert));
  ASSIGN_OR_RETURN(made.key, ToText(
                                 [](BIO* bio, const void* object) {
                                   return PEM_write_bio_PKCS8PrivateKey(
                                              bio, static_cast<const EVP_PKEY*>(object), nullptr,
                                              nullptr, 0, nullptr, nullptr) == 1;
                                 },
                                 key));
  return made;
}

absl::StatusOr<Key> NewKey() {
  Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed("make a key");
  return key;
}

std::string AlternativeNames(const Subject& subject) {
  std::string names;
  const auto add = [&names](absl::string_view kind, absl::string_view value) {
    absl::StrAppend(&names, names.empty() ? "" : ",", kind, ":", value);
  };
  for (const std::string& uri : subject.uris) add("URI", uri);
  for (const std::string& name : subject.dns_names) add("DNS", name);
  return names;
}

}  // namespace

absl::StatusOr<Certificate> MakeCa(const std::string& name, const Validity& validity) {
  ASSIGN_OR_RETURN(const Key key, NewKey());
  ASSIGN_OR_RETURN(const Cert cert, Begin(name, key.get(), validity));
  RETURN_IF_ERROR(Add(cert.get(), cert.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  RETURN_IF_ERROR(Add(cert.get(), cert.get(), NID_key_usage, "critical,keyCertSign,cRLSign"));
  RETURN_IF_ERROR(Add(cert.get(), cert.get(), NID_subject_key_identifier, "hash"));
  return Finish(cert.get(), cert.get(), key.get(), key.get());
}

absl::StatusOr<Certificate> Issue(const Certificate& ca, const Subject& subject,
                                  const Validity& validity) {
  const std::vector<Cert> issuers = openssl::ReadCertificates(ca.cert);
  const Key issuer_key = openssl::ReadKey(ca.key);
  if (issuers.empty() || issuer_key == nullptr ||
      X509_check_private_key(issuers.front().get(), issuer_key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the CA's certificate and its key do not belong together");
  }
  X509* const issuer = issuers.front().get();
  for (const std::string& uri : subject.uris) RETURN_IF_ERROR(CheckAlternativeName(uri));
  for (const std::string& name : subject.dns_names) RETURN_IF_ERROR(CheckAlternativeName(name));
  ASSIGN_OR_RETURN(const Key key, NewKey());
  ASSIGN_OR_RETURN(const Cert cert, Begin(subject.common_name, key.get(), validity));
  RETURN_IF_ERROR(Add(cert.get(), issuer, NID_basic_constraints, "critical,CA:FALSE"));
  RETURN_IF_ERROR(Add(cert.get(), issuer, NID_key_usage, "critical,digitalSignature"));
  RETURN_IF_ERROR(Add(cert.get(), issuer, NID_ext_key_usage, "serverAuth,clientAuth"));
  RETURN_IF_ERROR(Add(cert.get(), issuer, NID_subject_key_identifier, "hash"));
  RETURN_IF_ERROR(Add(cert.get(), issuer, NID_authority_key_identifier, "keyid:always"));
  if (const std::string names = AlternativeNames(subject); !names.empty()) {
    RETURN_IF_ERROR(Add(cert.get(), issuer, NID_subject_alt_name, names));
  }
  return Finish(cert.get(), issuer, issuer_key.get(), key.get());
}

}  // namespace nodevol::link
