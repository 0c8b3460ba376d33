// SPDX-License-Identifier: Apache-2.0
//
// Whom certificates are for: the one who is named, and nobody whose name can be made to look alike.
#include "link/certificate.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "link/authenticator.h"
#include "link/openssl.h"
#include "test/support/matchers.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using ::testing::ElementsAre;

class CertificateTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(ca_, MakeCa("test CA", Valid())); }
  static Validity Valid() { return {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)}; }
  absl::StatusOr<Certificate> IssueTo(const std::string& node) const {
    return Issue(ca_, {node, {NodeUri("test.nodevol", node)}, {}}, Valid());
  }
  // The URIs that a certificate is for.
  static std::vector<std::string> UrisOf(const Certificate& certificate) {
    std::vector<std::string> uris;
    const std::vector<openssl::Cert> read = openssl::ReadCertificates(certificate.cert);
    if (read.empty()) return uris;
    const std::unique_ptr<GENERAL_NAMES, openssl::Deleter<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(read.front().get(), NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
      const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
      if (name->type != GEN_URI) continue;
      const ASN1_IA5STRING* const uri = name->d.uniformResourceIdentifier;
      uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                        static_cast<size_t>(ASN1_STRING_length(uri)));
    }
    return uris;
  }

  Certificate ca_;
};

TEST_F(CertificateTest, IsForWhoIsNamed) {
  for (const std::string& node : {std::string("node-1"), std::string("10.0.0.1"),
                                  std::string("a.very.long.name.") + std::string(200, 'x')}) {
    ASSERT_OK_AND_ASSIGN(const Certificate certificate, IssueTo(node));
    EXPECT_THAT(UrisOf(certificate), ElementsAre(NodeUri("test.nodevol", node)));
  }
}

TEST_F(CertificateTest, NamesThatWouldBecomeOthersAreRefused) {
  for (const std::string& node :
       {std::string("node-1 "), std::string("node-1\r"), std::string("node-1\rx"),
        std::string("node-1\n"), std::string("node-1\t"), std::string("node-1\0x", 8),
        std::string("x,URI:spiffe://test.nodevol/node/node-1"),
        std::string("n\xc3\xb6"
                    "de")}) {
    EXPECT_THAT(IssueTo(node), StatusIs(absl::StatusCode::kInvalidArgument)) << node;
  }
  EXPECT_THAT(Issue(ca_, {"", {}, {}}, Valid()), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Issue(ca_, {"x", {""}, {}}, Valid()), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Issue(ca_, {"x", {}, {"a,b"}}, Valid()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace nodevol::link
