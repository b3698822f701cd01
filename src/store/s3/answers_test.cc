#include "store/s3/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_text.h"

namespace ci::store::s3 {
namespace {

TEST(Answers, TellTheCodeOfAnError) {
  EXPECT_EQ(
      error_code("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message/></Error>"),
      "NoSuchKey");
  EXPECT_EQ(
      error_code("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"
                 "<Code>ExpiredTokenException</Code></Error></ErrorResponse>"),
      "ExpiredTokenException");
  EXPECT_EQ(error_code("<Error><Code>a\nb</Code></Error>"), "Unreadable");
  for (const char* other :
       {"", "<html><body>400</body></html>", "<Error>", "plain", "<ListBucketResult/>", "\xff\xfe"}) {
    EXPECT_EQ(error_code(other), "") << other;
  }
}

TEST(Answers, ListsWhatIsOurs) {
  const auto page = parse_list(
      "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
      "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>a+b/=&amp;</"
      "NextContinuationToken>"
      "<Contents><Key>sessions%2Fs%2Fuploads%2Ff</Key><LastModified>2026-01-09T10:21:07.412Z</LastModified>"
      "<ETag>&quot;e&quot;</ETag><Size>123456789012</Size></Contents>"
      "<Contents><Key>somebody%20else</Key><Size>1</Size></Contents>"
      "<Contents><Key>..%2F..%2Fetc</Key><Size>1</Size></Contents></ListBucketResult>");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0].key, "sessions/s/uploads/f");
  EXPECT_EQ(page->objects[0].size, 123456789012u);
  EXPECT_EQ(iso_time_z(page->objects[0].modified), "2026-01-09T10:21:07.412Z");
  EXPECT_EQ(page->cursor, "a+b/=&");
  EXPECT_FALSE(parse_list("<html/>"));
  EXPECT_FALSE(parse_list("<ListBucketResult><Contents>"));
  EXPECT_EQ(parse_list("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")->cursor, "");
}

TEST(Answers, CompletionNamesThePartsInOrder) {
  EXPECT_EQ(
      completion({"\"a\"", "\"b&\""}),
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part>"
      "<Part><PartNumber>2</PartNumber><ETag>\"b&amp;\"</ETag></Part></CompleteMultipartUpload>");
}

TEST(Answers, RolesNeedAllTheirParts) {
  const std::string whole =
      "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><SessionToken>t</SessionToken>"
      "<SecretAccessKey>s</SecretAccessKey><Expiration>2026-01-09T10:21:07Z</Expiration><AccessKeyId>a</AccessKeyId>"
      "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
  const auto role = parse_role(whole);
  ASSERT_TRUE(role);
  EXPECT_EQ(role->access_key + role->secret_key + role->session_token, "ast");
  EXPECT_EQ(iso_time_z(role->expires), "2026-01-09T10:21:07.000Z");
  EXPECT_FALSE(parse_role("<AssumeRoleWithWebIdentityResponse/>"));
}

TEST(Answers, ReadsDatesOfHeaders) {
  EXPECT_EQ(iso_time_z(*parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT")), "2015-10-21T07:28:00.000Z");
  EXPECT_FALSE(parse_http_date("yesterday"));
}

}  // namespace
}  // namespace ci::store::s3
