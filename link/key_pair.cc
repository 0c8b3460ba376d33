// SPDX-License-Identifier: Apache-2.0
#include "link/key_pair.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_certificate_verifier.h"
#include "grpcpp/security/tls_credentials_options.h"
#include <openssl/err.h>

#include "base/status_macros.h"
#include "host/file.h"
#include "link/authenticator.h"
#include "link/openssl.h"

namespace nodevol::link {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTimeT(::timegm(&parts));
}

absl::StatusOr<std::string> Read(const std::string& path) {
  absl::StatusOr<std::string> content = host::ReadNamedFile(path, kMaxFileBytes);
  if (content.ok()) return content;
  return absl::FailedPreconditionError(
      absl::StrCat("can't read ", path, ": ", content.status().message()));
}

// Whether the chain of certificates leads to the CA, now.
absl::Status Verify(const std::vector<openssl::Cert>& chain,
                    const std::vector<openssl::Cert>& cas) {
  const openssl::Store store(X509_STORE_new());
  for (const openssl::Cert& ca : cas) X509_STORE_add_cert(store.get(), ca.get());
  STACK_OF(X509)* const between = sk_X509_new_null();
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(between, chain[i].get());
  const openssl::StoreContext context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), between);
  const bool verified = X509_verify_cert(context.get()) == 1;
  const int error = X509_STORE_CTX_get_error(context.get());
  sk_X509_free(between);
  ERR_clear_error();
  if (verified) return absl::OkStatus();
  return absl::FailedPreconditionError(X509_verify_cert_error_string(error));
}

// The CA has signed the certificate; this tells a controller from a node, which has one as well.
class ControllerVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit ControllerVerifier(absl::string_view trust_domain)
      : uri_(ControllerUri(trust_domain)), dns_name_(ControllerDnsName(trust_domain)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/, grpc::Status* status) override {
    const std::vector<grpc::string_ref> uris = request->uri_names();
    // Who makes certificates can't always put a URI in; a node's has one, and is a node's.
    const bool controller =
        uris.empty() ? IsIn(request->dns_names()) : uris.size() == 1 && uris.front() == uri_;
    if (!controller) {
      *status = {grpc::UNAUTHENTICATED,
                 absl::StrCat("the other side is no controller: its certificate has no URI SAN ",
                              uri_, ", and without one no DNS SAN ", dns_name_)};
    }
    return true;  // at once
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  [[nodiscard]] bool IsIn(const std::vector<grpc::string_ref>& names) const {
    return std::find(names.begin(), names.end(), dns_name_) != names.end();
  }

  const std::string uri_;
  const std::string dns_name_;
};

absl::Status HoldsNone(const std::string& file) {
  return absl::FailedPreconditionError(absl::StrCat(file, " holds no certificate (PEM)"));
}

std::shared_ptr<grpc::experimental::CertificateProviderInterface> ProviderOf(const KeyPair& pair) {
  if (pair.cert.empty()) {
    return std::make_shared<grpc::experimental::StaticDataCertificateProvider>(pair.ca);
  }
  return std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
      pair.ca, std::vector<grpc::experimental::IdentityKeyCertPair>{{pair.key, pair.cert}});
}

}  // namespace

absl::StatusOr<absl::Time> EndOf(absl::string_view certificate) {
  const std::vector<openssl::Cert> read = openssl::ReadCertificates(certificate);
  if (read.empty()) return absl::InvalidArgumentError("it is no certificate");
  return ToTime(X509_get0_notAfter(read.front().get()));
}

absl::StatusOr<KeyPair> LoadKeyPair(const KeyFiles& files) {
  KeyPair pair;
  ASSIGN_OR_RETURN(pair.ca, Read(files.ca));
  ASSIGN_OR_RETURN(pair.cert, Read(files.cert));
  ASSIGN_OR_RETURN(pair.key, Read(files.key));
  const std::vector<openssl::Cert> cas = openssl::ReadCertificates(pair.ca);
  if (cas.empty()) return HoldsNone(files.ca);
  const std::vector<openssl::Cert> chain = openssl::ReadCertificates(pair.cert);
  if (chain.empty()) return HoldsNone(files.cert);
  const openssl::Key key = openssl::ReadKey(pair.key);
  const bool matches =
      key != nullptr && X509_check_private_key(chain.front().get(), key.get()) == 1;
  ERR_clear_error();
  if (key == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(files.key, " holds no private key (PEM)"));
  }
  if (!matches) {
    return absl::FailedPreconditionError(absl::StrCat(files.key,
                                                      " is not the key of the certificate in ",
                                                      files.cert, "; exchange both at once"));
  }
  if (const absl::Status verified = Verify(chain, cas); !verified.ok()) {
    return absl::FailedPreconditionError(absl::StrCat("the certificate in ", files.cert,
                                                      " is not valid by ", files.ca, ": ",
                                                      verified.message()));
  }
  pair.not_after = ToTime(X509_get0_notAfter(chain.front().get()));
  return pair;
}

absl::StatusOr<KeyPair> LoadCa(const std::string& file) {
  KeyPair pair;
  ASSIGN_OR_RETURN(pair.ca, Read(file));
  if (openssl::ReadCertificates(pair.ca).empty()) return HoldsNone(file);
  pair.not_after = absl::InfiniteFuture();
  return pair;
}

std::shared_ptr<grpc::ServerCredentials> ServerCredentialsOf(const KeyPair& pair,
                                                             ClientCertificate of_clients) {
  grpc::experimental::TlsServerCredentialsOptions options(ProviderOf(pair));
  options.watch_identity_key_cert_pairs();
  if (of_clients == ClientCertificate::kRequired) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  } else {
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentialsOf(const KeyPair& pair,
                                                               absl::string_view trust_domain) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(ProviderOf(pair));
  options.watch_root_certs();
  if (!pair.cert.empty()) options.watch_identity_key_cert_pairs();
  // The address says nothing: it may be one of many behind a name.
  options.set_check_call_host(false);
#ifdef __clang_analyzer__  // it does not see that gRPC takes over what Create() makes
  (void)trust_domain;
#else
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<ControllerVerifier>(trust_domain));
#endif
  return grpc::experimental::TlsCredentials(options);
}

void AllowTls13Only() {
  // These are the suites of TLS 1.2. This one needs a key that both have beforehand, and nobody
  // has; those of TLS 1.3 are set elsewhere.
  ::setenv("GRPC_SSL_CIPHER_SUITES", "PSK-AES256-GCM-SHA384", 1);
}

}  // namespace nodevol::link
