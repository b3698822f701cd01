#include "net/multipart.h"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/failure.h"
#include "net/multipart_parser.h"
#include "net/part_header.h"

namespace ci::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Gives `piece` bytes at a time.
class SlowSource final : public ByteSource {
 public:
  SlowSource(std::string bytes, size_t piece) : bytes_(std::move(bytes)), piece_(piece) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override {
    const size_t count = std::min({piece_, into.size(), bytes_.size() - offset_});
    std::memcpy(into.data(), bytes_.data() + offset_, count);
    offset_ += count;
    co_return count;
  }

 private:
  std::string bytes_;
  size_t piece_;
  size_t offset_ = 0;
};

// Runs `work` to its end and rethrows what it throws.
void run(awaitable<void> work) {
  asio::io_context context;
  std::exception_ptr failure;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr error) { failure = error; });
  context.run();
  if (failure) std::rethrow_exception(failure);
}

awaitable<void> read_parts(std::string body, size_t piece, std::vector<std::string>* found) {
  SlowSource source(std::move(body), piece);
  MultipartReader reader(source, "XyZ");
  for (;;) {
    const auto part = co_await reader.next_part();
    if (!part) break;
    std::string text = part->name + "|" + part->filename.value_or("-") + "|" + part->content_type + "|";
    std::array<std::byte, 7> buffer{};
    for (;;) {
      const size_t count = co_await reader.part_body().read_some(buffer);
      if (count == 0) break;
      text.append(reinterpret_cast<const char*>(buffer.data()), count);
    }
    found->push_back(text);
  }
}

std::vector<std::string> parts_of(const std::string& body, size_t piece) {
  std::vector<std::string> found;
  run(read_parts(body, piece, &found));
  return found;
}

std::string refusal_of(const std::string& body, size_t piece = 1) {
  try {
    parts_of(body, piece);
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::invalid);
    return failure.what();
  }
  return "accepted";
}

const std::string two_parts =
    "preamble\r\n--XyZ\r\n"
    "Content-Disposition: form-data; name=\"entity_id\"\r\n\r\nabc\r\n"
    "--XyZ \t\r\n"
    "content-type: text/csv\r\nCONTENT-DISPOSITION: form-data; name=file; filename=\"a.csv\"\r\n\r\n"
    "1,2\r\n\r\n--XyQ\r\n--XyZish\r\n-\r\n--XyZ--\r\nepilogue --XyZ";

TEST(Multipart, SplitsPartsWhereverThePiecesEnd) {
  for (size_t piece = 1; piece <= two_parts.size(); ++piece) {
    EXPECT_THAT(
        parts_of(two_parts, piece),
        ElementsAre("entity_id|-||abc", "file|a.csv|text/csv|1,2\r\n\r\n--XyQ\r\n--XyZish\r\n-"));
  }
}

TEST(Multipart, AcceptsEmptyBodiesAndNoParts) {
  const std::string empty = "--XyZ\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\n\r\n--XyZ--";
  for (const size_t piece : {1, 3, 1000}) {
    EXPECT_THAT(parts_of(empty, piece), ElementsAre("f|||"));
    EXPECT_THAT(parts_of("--XyZ--\r\n", piece), ElementsAre());
  }
}

TEST(Multipart, SkipsWhatWasNotRead) {
  const auto skip = [](std::string* names) -> awaitable<void> {
    SlowSource source(two_parts, 3);
    MultipartReader reader(source, "XyZ");
    while (const auto part = co_await reader.next_part()) *names += part->name + " ";
    std::array<std::byte, 7> buffer{};
    EXPECT_EQ(co_await reader.part_body().read_some(buffer), 0u);
    EXPECT_FALSE((co_await reader.next_part()).has_value());
  };
  std::string names;
  run(skip(&names));
  EXPECT_EQ(names, "entity_id file ");
}

TEST(Multipart, RefusesWhatIsCutOff) {
  for (const size_t size : {0, 5, 20, 60, 80, 150, 200}) {
    EXPECT_EQ(refusal_of(two_parts.substr(0, size)), "The multipart body ends too early") << size;
  }
}

TEST(Multipart, RefusesBrokenHeaders) {
  EXPECT_THAT(refusal_of("--XyZ\r\n\r\nbody\r\n--XyZ--"), HasSubstr("no Content-Disposition"));
  EXPECT_THAT(refusal_of("--XyZ\r\nnonsense\r\n\r\nbody\r\n--XyZ--"), HasSubstr("Malformed part header"));
  EXPECT_THAT(
      refusal_of("--XyZ\r\nContent-Disposition: form-data; name=\"a\r\n\r\nbody\r\n--XyZ--"),
      HasSubstr("Malformed Content-Disposition"));
  EXPECT_THAT(
      refusal_of("--XyZ\r\nContent-Disposition: attachment; name=a\r\n\r\nbody\r\n--XyZ--"),
      HasSubstr("Malformed Content-Disposition"));
  EXPECT_THAT(refusal_of("--XyZ  x\r\n"), HasSubstr("Malformed boundary"));
  EXPECT_THAT(refusal_of("--XyZ" + std::string(1000, ' ')), HasSubstr("Malformed boundary"));
}

TEST(Multipart, BoundsPartsAndTheirHeaders) {
  EXPECT_THAT(refusal_of("--XyZ\r\nX: " + std::string(17 << 10, 'x'), 1000), HasSubstr("too large"));
  std::string many;
  const std::string part = "--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
  for (int i = 0; i < 1000; ++i) many += part;
  EXPECT_EQ(parts_of(many + "--XyZ--", 5000).size(), 1000u);
  EXPECT_THAT(refusal_of(many + part + "--XyZ--", 5000), HasSubstr("too many parts"));
}

std::string exact_filename_of(const std::string& parameters) {
  return parse_part_header("Content-Disposition: form-data; name=\"f\"; " + parameters).exact_filename;
}

TEST(PartHeader, KeepsNamesThatMustNotChange) {
  EXPECT_EQ(exact_filename_of("filename=\"100%41.txt\""), "100%41.txt");
  EXPECT_EQ(exact_filename_of("filename=\"a%22b%0D%0a%2.txt%\""), "a\"b\r\n%2.txt%");
  EXPECT_EQ(exact_filename_of("filename=\"%41\"; filename*=UTF-8''na%C3%AFve%41.txt"), "na\xc3\xafveA.txt");
  EXPECT_EQ(exact_filename_of("x=y"), "");
}

std::string filename_of(const std::string& parameters) {
  return parse_part_header("Content-Disposition: form-data; name=\"f\"; " + parameters).filename.value_or("(none)");
}

TEST(PartHeader, ReadsFileNamesAsClientsSendThem) {
  EXPECT_EQ(filename_of("filename=\"na\xc3\xafve \xe2\x82\xac.txt\""), "na\xc3\xafve \xe2\x82\xac.txt");
  EXPECT_EQ(filename_of("filename=\"a%22b%0D%0A.txt\""), "a\"b\r\n.txt");
  EXPECT_EQ(filename_of("filename=\"na%C3%AFve%20x.txt\""), "na\xc3\xafve x.txt");
  EXPECT_EQ(filename_of("filename=\"100%.txt\""), "100%.txt");
  EXPECT_EQ(filename_of("filename=\"a%FFb\""), "a%FFb");
  EXPECT_EQ(filename_of("filename=\"a%00b\""), "a%00b");
  EXPECT_EQ(filename_of("filename=\"a\\\"b\\\\c.txt\""), "a\"b\\c.txt");
  EXPECT_EQ(filename_of("filename=\"C:\\dir\\a.txt\""), "C:\\dir\\a.txt");
  EXPECT_EQ(filename_of("filename=\"a;b=c.txt\""), "a;b=c.txt");
  EXPECT_EQ(filename_of("filename=plain.txt"), "plain.txt");
  EXPECT_EQ(filename_of("filename=\"plain.txt\"; filename*=UTF-8''na%C3%AFve.txt"), "na\xc3\xafve.txt");
  EXPECT_EQ(filename_of("filename*=utf-8'en'na%C3%AFve.txt; filename=x"), "na\xc3\xafve.txt");
  EXPECT_EQ(filename_of("filename=\"plain.txt\"; filename*=KOI8-R''%C1"), "plain.txt");
  EXPECT_EQ(filename_of("x=y"), "(none)");
}

TEST(PartHeader, FindsTheBoundary) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b;c\""), "a b;c");
  EXPECT_EQ(multipart_boundary("multipart/form-data"), std::nullopt);
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary="), std::nullopt);
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'a')), std::nullopt);
  EXPECT_EQ(multipart_boundary("multipart/mixed; boundary=abc"), std::nullopt);
  EXPECT_EQ(multipart_boundary("application/json"), std::nullopt);
}

}  // namespace
}  // namespace ci::net
