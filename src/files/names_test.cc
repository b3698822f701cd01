#include "files/names.h"

#include <gtest/gtest.h>

#include <string>

namespace ci::files {
namespace {

TEST(FlatName, IsWhatLibreChatComputes) {
  EXPECT_EQ(flat_name("my file (1).csv").text(), "my_file__1_.csv");
  EXPECT_EQ(flat_name(".env").text(), "_.env");
  EXPECT_EQ(flat_name("../../etc/passwd").text(), "passwd");
  EXPECT_EQ(flat_name("résumé.pdf").text(), "r_sum_.pdf");
  EXPECT_EQ(flat_name("").text(), "_");
  EXPECT_EQ(flat_name("a/").text(), "_");
  EXPECT_EQ(flat_name("x\r\ny").text(), "x__y");
  EXPECT_EQ(flat_name("\xff").text(), "_");
}

TEST(FlatName, KeepsTheExtensionOfALongName) {
  const std::string name = flat_name(std::string(400, 'a') + ".csv").text();
  EXPECT_EQ(name.size(), 255u);
  EXPECT_TRUE(name.ends_with(".csv"));
  EXPECT_EQ(name[255 - 4 - 7], '-');
  EXPECT_EQ(flat_name("." + std::string(400, 'b')).text().size(), 255u);
}

TEST(FlatName, MayBeKeptShorter) {
  for (const std::size_t longest : {1, 3, 7, 8, 11, 12, 20, 100}) {
    EXPECT_EQ(flat_name(std::string(120, 'a') + ".csv", longest).text().size(), longest);
  }
  EXPECT_TRUE(flat_name(std::string(120, 'a') + ".csv", 20).text().ends_with(".csv"));
  EXPECT_EQ(flat_name("exactly.csv", 11).text(), "exactly.csv");
  // Characters, not bytes; and each part for itself.
  const auto nested = nested_name("папка/данные.csv", false, 10);
  ASSERT_TRUE(nested);
  EXPECT_EQ(nested->text(), "папка/данные.csv");
  EXPECT_FALSE(is_too_long(*nested, 10));
  EXPECT_TRUE(is_too_long(*nested, 9));
  const auto cut = nested_name("папка/длинное_имя.csv", false, 14);
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->text().starts_with("папка/дли-") && cut->text().ends_with(".csv")) << cut->text();
}

TEST(NestedName, KeepsFoldersAndLetters) {
  EXPECT_EQ(nested_name("skills/report/SKILL.md", true)->text(), "skills/report/SKILL.md");
  EXPECT_EQ(nested_name("отчёт 2025.csv", false)->text(), "отчёт_2025.csv");
  EXPECT_EQ(nested_name("a\\b/../c", false)->text(), "a/b/c");
  EXPECT_EQ(nested_name("/.hidden/x", false)->text(), "_.hidden/x");
  EXPECT_EQ(nested_name("/.hidden/x", true)->text(), ".hidden/x");
  EXPECT_EQ(nested_name("e\xcc\x81.txt", false)->text(), "é.txt");  // composed
  EXPECT_FALSE(nested_name("..", false));
  EXPECT_FALSE(nested_name("1/2/3/4/5/6/7/8/9/10/11", false));
}

TEST(OutputName, StaysAsMadeWhenItIsHarmless) {
  EXPECT_EQ(output_name("charts/Umsatz 2025 (€).png")->text(), "charts/Umsatz 2025 (€).png");
  EXPECT_EQ(output_name("tab\t and\nline feed.txt")->text(), "tab\t and\nline feed.txt");
}

TEST(OutputName, IsCleanedWhenItIsNoPath) {
  EXPECT_EQ(output_name("a\\b")->text(), "a_b");
  EXPECT_EQ(output_name("\xff\xfe.txt")->text(), "__.txt");
  EXPECT_EQ(output_name("d\xc3\xa9j\xc3\xa0/a\\b.txt")->text(), "d_j_/a_b.txt");
  EXPECT_FALSE(output_name(""));
  EXPECT_FALSE(output_name("1/2/3/4/5/6/7/8/9/10/too deep"));
}

TEST(OutputName, IsShortenedWhereItIsLongest) {
  const std::string folder(200, 'd'), file = std::string(100, 'f') + ".csv";
  const auto name = output_name(folder + "/" + file);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->text().size(), 256u);
  EXPECT_TRUE(name->text().ends_with("/" + file));
  EXPECT_EQ(name, output_name(folder + "/" + file));
  EXPECT_NE(name, output_name(folder + "d/" + file));
  std::string deep;
  for (int i = 0; i < 10; ++i) deep += (i == 0 ? "" : "/") + std::string(255, static_cast<char>('a' + i));
  ASSERT_TRUE(output_name(deep));
  EXPECT_LE(output_name(deep)->text().size(), 256u);
}

TEST(NumberedName, KeepsTheExtension) {
  const auto numbered = [](const std::string& name) { return numbered_name(*RelativePath::parse(name), 2)->text(); };
  EXPECT_EQ(numbered("a.txt"), "a-2.txt");
  EXPECT_EQ(numbered("d.x/a"), "d.x/a-2");
  EXPECT_EQ(numbered("d/.a"), "d/.a-2");
  EXPECT_EQ(numbered(std::string(255, 'x')), std::string(253, 'x') + "-2");
  EXPECT_FALSE(numbered_name(*RelativePath::parse(std::string(250, 'd') + "/a.txt"), 2));
}

TEST(ContentDisposition, HasAnAsciiAndAnEncodedName) {
  EXPECT_EQ(content_disposition("dir/a b.csv"), "attachment; filename=\"a_b.csv\"; filename*=UTF-8''a%20b.csv");
  EXPECT_EQ(content_disposition("é\".txt"), "attachment; filename=\"e_.txt\"; filename*=UTF-8''%C3%A9%22.txt");
  EXPECT_EQ(content_disposition(""), "attachment; filename=\"download\"; filename*=UTF-8''");
}

TEST(ContentType, FollowsTheExtension) {
  EXPECT_EQ(content_type_for("a/b.PNG"), "image/png");
  EXPECT_EQ(content_type_for("data.csv"), "text/csv");
  EXPECT_EQ(content_type_for("x.zip"), "application/zip");
  EXPECT_EQ(content_type_for("x.bash"), "text/x-shellscript");
  EXPECT_EQ(content_type_for("png"), "application/octet-stream");
  EXPECT_EQ(content_type_for("x.unknown"), "application/octet-stream");
}

}  // namespace
}  // namespace ci::files
