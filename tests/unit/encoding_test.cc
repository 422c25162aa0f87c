#include "base/encoding.h"

#include "support/catch.h"

using namespace alertscaler;

TEST_CASE("what a URL cannot carry is escaped") {
  CHECK(text::percent_encode("web-1.a_b~") == "web-1.a_b~");
  CHECK(text::percent_encode("a/b c?d&e=%") == "a%2Fb%20c%3Fd%26e%3D%25");
  CHECK(text::percent_encode("\xC3\xA9") == "%C3%A9");
  CHECK(text::percent_encode("a/b c", "/") == "a/b%20c");
}

TEST_CASE("base64 of every form") {
  CHECK(text::from_base64("") == "");
  CHECK(text::from_base64("Zg==") == "f");
  CHECK(text::from_base64("Zm8=") == "fo");
  CHECK(text::from_base64("Zm9v") == "foo");
  CHECK(text::from_base64("Zm9vYg") == "foob");
  CHECK(text::from_base64("Zm9v\nYmFy\n") == "foobar");
  CHECK(text::from_base64("//79") == std::string("\xFF\xFE\xFD"));
  CHECK(text::from_base64("__79") == std::string("\xFF\xFE\xFD"));
}

TEST_CASE("base64 is written as it is read") {
  CHECK(text::to_base64("") == "");
  CHECK(text::to_base64("f") == "Zg==");
  CHECK(text::to_base64("fo") == "Zm8=");
  CHECK(text::to_base64("foo") == "Zm9v");
  CHECK(text::to_base64("\xFF\xFE\xFD") == "//79");
}

TEST_CASE("what is no base64 is not half of it") {
  CHECK_FALSE(text::from_base64("Zm9v!").has_value());
  CHECK_FALSE(text::from_base64("Z").has_value());
  CHECK_FALSE(text::from_base64("Zm8=v").has_value());
}

TEST_CASE("a page is read without its tags") {
  CHECK(text::without_tags("<html><head><title>502 Bad\r\nGateway</title></head></html>") == "502 Bad Gateway");
}
