// SPDX-License-Identifier: Apache-2.0
#include "admin/arguments.h"

#include "test/support/matchers.h"

namespace nodevol::admin {
namespace {

using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<Option>& Options() {
  static const auto* const options = new std::vector<Option>{
      {.name = "output", .value = "FORMAT", .help = "how to print it", .letter = 'o'},
      {.name = "parameter",
       .value = "KEY=VALUE",
       .help = "of the class;\nrepeat it",
       .repeatable = true},
      {.name = "yes", .value = "", .help = "go on"}};
  return *options;
}

absl::StatusOr<Arguments> Parse(const std::vector<std::string>& arguments) {
  return ParseArguments(Options(), arguments);
}

TEST(ArgumentsTest, OptionsAreTakenInEveryForm) {
  for (const std::vector<std::string>& form : std::vector<std::vector<std::string>>{
           {"--output=json"}, {"--output", "json"}, {"-o", "json"}, {"-ojson"}, {"-o=json"}}) {
    ASSERT_OK_AND_ASSIGN(const Arguments arguments, Parse(form));
    EXPECT_EQ(arguments.Get("output"), "json") << form.front();
    EXPECT_THAT(arguments.words(), IsEmpty());
  }
}

TEST(ArgumentsTest, WordsStandAnywhere) {
  ASSERT_OK_AND_ASSIGN(const Arguments arguments, Parse({"a", "--yes", "-", "--", "--yes", "-o"}));
  EXPECT_THAT(arguments.words(), ElementsAre("a", "-", "--yes", "-o"));
  EXPECT_TRUE(arguments.Has("yes"));
  EXPECT_FALSE(arguments.Has("output"));
  EXPECT_EQ(arguments.Get("output", "table"), "table");
}

TEST(ArgumentsTest, RepeatableOptionsKeepAllValuesAlsoEmptyOnes) {
  ASSERT_OK_AND_ASSIGN(const Arguments arguments,
                       Parse({"--parameter", "a=b=c", "--parameter=", "--parameter=d=e"}));
  EXPECT_THAT(arguments.All("parameter"), ElementsAre("a=b=c", "", "d=e"));
}

TEST(ArgumentsTest, ValueMayLookLikeAnOption) {
  ASSERT_OK_AND_ASSIGN(const Arguments arguments, Parse({"--output", "-"}));
  EXPECT_EQ(arguments.Get("output"), "-");
}

TEST(ArgumentsTest, MistakesAreNamed) {
  const auto invalid = [](const std::string& what) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
  };
  EXPECT_THAT(Parse({"--outptu=json"}), invalid("--outptu is no option"));
  EXPECT_THAT(Parse({"-x"}), invalid("-x is no option"));
  EXPECT_THAT(Parse({"--output"}), invalid("--output lacks its value: FORMAT"));
  EXPECT_THAT(Parse({"--yes=no"}), invalid("--yes takes no value, but has \"no\""));
  EXPECT_THAT(Parse({"-o", "json", "--output", "wide"}), invalid("is given twice"));
  EXPECT_THAT(Parse({"--yes", "--yes"}), invalid("--yes is given twice"));
}

TEST(ArgumentsTest, DescriptionIsAligned) {
  EXPECT_EQ(DescribeOptions(Options()),
            "  -o, --output FORMAT        how to print it\n"
            "      --parameter KEY=VALUE  of the class;\n"
            "                             repeat it\n"
            "      --yes                  go on\n");
}

}  // namespace
}  // namespace nodevol::admin
