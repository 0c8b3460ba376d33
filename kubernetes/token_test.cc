// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/token.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "kubernetes/legible.h"
#include "test/support/matchers.h"

namespace nodevol::kubernetes {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TokenFileTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_), nullptr); }
  void TearDown() override {
    ::unlink(path().c_str());
    ::rmdir(directory_);
  }
  void Write(const std::string& content) const { std::ofstream(path()) << content; }
  std::string path() const { return absl::StrCat(directory_, "/token"); }

 private:
  char directory_[sizeof("/tmp/nodevol-XXXXXX")] = "/tmp/nodevol-XXXXXX";
};

std::string WithClaims(absl::string_view claims) {
  return absl::StrCat("e30.", absl::WebSafeBase64Escape(claims), ".c2lnbmVk");
}

TEST_F(TokenFileTest, IsReadWithoutTheWhiteSpaceAround) {
  Write(" aB3-._~+/= \n");
  EXPECT_THAT(ReadTokenFile(path()), IsOkAndHolds("aB3-._~+/="));
}

TEST_F(TokenFileTest, WhatIsNoTokenIsRefusedAndNotRepeated) {
  for (const std::string& content : {std::string(), std::string(" \n"), std::string("two canaries"),
                                     std::string("canary\ncanary"), std::string("canary\0", 7),
                                     std::string("canary\xc3\xa4"), std::string(7000, 'c')}) {
    Write(content);
    EXPECT_THAT(ReadTokenFile(path()).status(),
                AllOf(StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(path())),
                      StatusIs(absl::StatusCode::kFailedPrecondition, Not(HasSubstr("canar")))));
  }
}

TEST_F(TokenFileTest, MissingFileIsNamed) {
  EXPECT_THAT(ReadTokenFile(path()).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(path())));
  EXPECT_THAT(ReadTokenFile("/").status(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(TokenTest, SaysWhenItEnds) {
  EXPECT_THAT(EndOfToken(WithClaims(R"({"exp":1700000000,"aud":["x"]})")),
              IsOkAndHolds(absl::FromUnixSeconds(1700000000)));
}

TEST(TokenTest, EndThatIsNotSaidIsNotGuessed) {
  for (const std::string& token :
       {std::string(), std::string("opaque"), std::string("a.b"), std::string("a.b.c.d"),
        std::string("e30.!!!.x"), WithClaims("no json"), WithClaims("[]"), WithClaims("{}"),
        WithClaims(R"({"exp":"1700000000"})"), WithClaims(R"({"exp":null})")}) {
    EXPECT_THAT(EndOfToken(token), StatusIs(absl::StatusCode::kInvalidArgument)) << token;
  }
}

TEST(LegibleTest, SecretsAreBlankedBeforeATextIsCut) {
  const std::string secret(600, 's');
  EXPECT_EQ(Legible(absl::StrCat("a ", secret, " b ", secret), {secret}),
            "a (a token) b (a token)");
  EXPECT_EQ(Legible(absl::StrCat(std::string(500, 'x'), secret), {secret}),
            absl::StrCat(std::string(500, 'x'), "(a token)"));
  EXPECT_EQ(Legible(std::string(600, 'x'), {""}), absl::StrCat(std::string(512, 'x'), "..."));
}

}  // namespace
}  // namespace nodevol::kubernetes
