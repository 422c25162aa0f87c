#include "receive/session.h"

#include <algorithm>
#include <array>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include <httplib.h>

#include "base/log.h"

namespace alertscaler::receive {
namespace {

// What the library reads is the head of one request, rewritten so that every version of it understands the same; what
// it writes is kept until there is enough for one packet. The body never passes through it: Connection has read it
// within the limits, which the library of Debian 12 has none of.
//
// The functions are virtual in some version between 0.11 and 0.41, not all in every one; so there is no `override`.
class HeadStream final : public httplib::Stream {
 public:
  HeadStream(Connection& connection, std::string head) : connection_(connection), head_(std::move(head)) {}

  // NOLINTBEGIN(modernize-use-override)
  bool is_readable() const { return at_ < head_.size(); }
  bool is_writable() const { return true; }
  bool wait_readable() const { return is_readable(); }
  bool wait_writable() const { return true; }
  bool is_peer_alive() const { return true; }
  time_t duration() const { return 0; }
  ssize_t read(char* into, size_t size) {
    const std::size_t count = std::min(size, head_.size() - at_);
    std::copy_n(head_.data() + at_, count, into);
    at_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* from, size_t size) {
    constexpr std::size_t kept_max = 64U << 10U;
    if (written_.size() + size > kept_max && !flush()) return -1;
    if (size > kept_max) {
      sent_ = sent_ && connection_.send({from, size});
      return sent_ ? static_cast<ssize_t>(size) : -1;
    }
    written_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const {
    ip = connection_.client();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const {
    ip.clear();
    port = 0;
  }
  socket_t socket() const { return INVALID_SOCKET; }
  // NOLINTEND(modernize-use-override)

  // False: the client does not take the answer.
  bool flush() {
    sent_ = sent_ && connection_.send(written_);
    written_.clear();
    return sent_;
  }

 private:
  Connection& connection_;
  const std::string head_;
  std::size_t at_ = 0;
  std::string written_;
  bool sent_ = true;
};

bool is_known_method(const std::string& method) {
  static constexpr std::array<std::string_view, 7> known = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
  return std::find(known.begin(), known.end(), method) != known.end();
}

class Session final : private httplib::Server {
 public:
  Session(Connection& connection, Router& router) : connection_(connection), router_(router) {
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
      return HandlerResponse::Handled;
    });
    set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) { set_framing(response); });
    // Without it the library would send what() to the client.
    set_exception_handler([this](const httplib::Request& request, httplib::Response& response,
                                 std::exception_ptr thrown) { answer_thrown(request, response, std::move(thrown)); });
  }

  // False: close.
  bool serve_one() {
    auto next = connection_.next_head();
    if (std::holds_alternative<Connection::Closed>(next)) return false;
    if (const auto* refused = std::get_if<Connection::Refused>(&next)) {
      refuse(refused->head, refused->refusal);
      return false;
    }
    head_ = std::get<Head>(std::move(next));
    if (!is_known_method(head_.method)) {
      refuse(head_, {501, "the method is unknown here"});
      return false;
    }
    close_ = true;  // unless the answer is ours: when the library answers by itself, nobody has looked at the body
    gone_ = false;
    HeadStream stream(connection_, head_for_library());
    process(stream, &Session::process_request);
    if (goes_on_) return hand_over();
    if (gone_ || !stream.flush()) return false;
    if (!connection_.body_left()) return !close_;
    connection_.linger();
    return false;
  }

 private:
  std::string head_for_library() const {
    std::string out = head_.method + " " + head_.target + (head_.minor_version == 0 ? " HTTP/1.0" : " HTTP/1.1") +
                      "\r\nHost: localhost\r\n";  // nobody reads that one; the client's could be too long for it
    if (head_.method != "GET" && head_.method != "HEAD") out += "Content-Length: 0\r\n";
    return out + "\r\n";
  }

  // The library's function took 4 arguments (0.11), 8 (0.18) and 9 (0.30).
  template <class... Arguments>
  void process(HeadStream& stream, bool (httplib::Server::*function)(Arguments...)) {
    bool closed = false;
    if constexpr (sizeof...(Arguments) == 4) {
      (this->*function)(stream, false, closed, nullptr);
    } else if constexpr (sizeof...(Arguments) == 8) {
      (this->*function)(stream, connection_.client(), 0, "", 0, false, closed, nullptr);
    } else {
      (this->*function)(stream, connection_.client(), 0, "", 0, false, closed, nullptr, nullptr);
    }
  }

  Request request_of(const httplib::Request& request) {
    return {.head = head_,
            .path = request.path,
            .params = Params(request.params.begin(), request.params.end()),
            .client = connection_.client(),
            .user = connection_.certified_name(),
            .read_body = [this](Sender sender) { return connection_.read_body(head_, sender); }};
  }

  void answer(const httplib::Request& request, httplib::Response& response) {
    fill(response, router_.answer(request_of(request)));
  }

  void answer_thrown(const httplib::Request& request, httplib::Response& response, std::exception_ptr thrown) {
    std::string what = "unknown";
    try {
      std::rethrow_exception(std::move(thrown));
    } catch (const std::exception& error) {
      what = error.what();
    }
    fill(response, router_.failed(request_of(request), what));
  }

  void fill(httplib::Response& response, Answer answer) {
    gone_ = answer.status == 0;
    if (answer.goes_on) {
      endless_head_ = render_endless_head(answer);
      goes_on_ = std::move(answer.goes_on);
    }
    response.status = gone_ ? 400 : answer.status;
    response.headers.clear();
    response.body = std::move(answer.body);
    response.set_header("Content-Type", answer.content_type);
    for (const auto& [name, value] : answer.headers) response.set_header(name, value);
    close_ = !head_.keep_alive || connection_.body_left() || router_.stopping();
  }

  // What the library says about the connection and about ranges does not hold for this server.
  void set_framing(httplib::Response& response) {
    for (const char* name : {"Keep-Alive", "Connection", "Accept-Ranges"}) response.headers.erase(name);
    if (close_) {
      response.set_header("Connection", "close");
    } else if (head_.minor_version == 0) {
      response.set_header("Connection", "keep-alive");
    }
  }

  // What the library made of the answer is thrown away. False, for this thread is done with the connection.
  bool hand_over() {
    connection_.hand_over(
        [to = std::move(goes_on_), head = std::move(endless_head_)](Channel channel) { to(std::move(channel), head); });
    return false;
  }

  void refuse(const Head& head, const Refusal& refusal) {
    const Answer answer = router_.refuse(head, refusal, connection_.client());
    if (connection_.send(render_closing(answer, head.method != "HEAD"))) connection_.linger();
  }

  Connection& connection_;
  Router& router_;
  Head head_;
  bool close_ = false;
  bool gone_ = false;
  std::function<void(Channel, std::string)> goes_on_;
  std::string endless_head_;
};

}  // namespace

void serve(Connection& connection, Router& router) {
  try {
    Session session(connection, router);
    while (session.serve_one()) {
    }
  } catch (const std::exception& error) {  // outside of a handler: there is nobody to tell but the log
    log::error("connection.failed", {{"client", connection.client()}, {"error", error.what()}});
  }
}

}  // namespace alertscaler::receive
