// One client's connection: finds the requests in what arrives, within the limits, and sends the answers. It knows
// HTTP's framing and nothing of what is asked.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <tl/expected.hpp>

#include "receive/body.h"
#include "receive/channel.h"
#include "receive/http_head.h"
#include "receive/limits.h"
#include "receive/tls.h"

namespace alertscaler::receive {

// phase(), since(), is_kept() and tell_to_go() may be called by any thread while the object lives; the rest by the one
// that serves the connection.
class Connection {
 public:
  // `tls` is null for a connection in the clear.
  Connection(Socket socket, std::string client, const Limits& limits, BodyBudget& budget, Tls* tls = nullptr);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  struct Closed {};  // there is nobody to answer
  struct Refused {
    Head head;  // as far as it could be read
    Refusal refusal;
  };
  // Waits for the next request; before the first one, for the handshake of TLS. Closed as well when body_left(): what
  // comes next is no request, whatever it looks like.
  [[nodiscard]] std::variant<Head, Refused, Closed> next_head();

  // The body that belongs to the head; at most once a head. A refusal of status 0: the client has gone.
  [[nodiscard]] tl::expected<Body, Refusal> read_body(const Head& head, Sender sender);
  // Is a part of the body still to come, so that nothing behind it can be read?
  [[nodiscard]] bool body_left() const { return body_left_; }

  // False: the client does not take it; close.
  [[nodiscard]] bool send(std::string_view bytes);
  // Ends the connection so that the client gets the answer although it is still sending: closing at once would make its
  // kernel throw the answer away.
  void linger();

  enum class Phase {
    idle,       // waiting for its thread, or for the first byte of a request
    receiving,  // a request arrives
    working,    // it is being answered
    answering,  // the client reads
  };
  [[nodiscard]] Phase phase() const { return phase_.load(); }
  [[nodiscard]] SteadyTime since() const { return SteadyTime(SteadyTime::duration(since_.load())); }
  // Does it wait for another request? Who is closed then connects again and has lost nothing.
  [[nodiscard]] bool is_kept() const { return phase() == Phase::idle && !first_request_.load(); }
  // Ends what waits for the client: a request that arrives is answered 503, an idle connection is closed; one that is
  // being worked on is answered first. Idempotent.
  void tell_to_go();
  // Ends it at once.
  void cut();
  [[nodiscard]] bool told_to_go() const { return told_to_go_.load(); }

  // Takes the socket out of a connection that was never served.
  [[nodiscard]] Socket release() { return channel_.release(); }

  // The connection goes on elsewhere: `to` gets it in end(), when nobody else knows this object any more. What has
  // arrived and is not yet read is thrown away.
  using Heir = std::function<void(Channel)>;
  void hand_over(Heir to) { heir_ = std::move(to); }
  void end();

  [[nodiscard]] const std::string& client() const { return client_; }
  // Whom the client's certificate names, when that was verified; else empty.
  [[nodiscard]] std::string certified_name() const { return channel_.client_name(); }

 private:
  void enter(Phase phase);
  // The handshake. Absent: go on.
  [[nodiscard]] std::optional<std::variant<Head, Refused, Closed>> secure();
  [[nodiscard]] Io receive_more();
  [[nodiscard]] Refusal explain(Io io) const;
  [[nodiscard]] tl::expected<Body, Refusal> read_sized(std::size_t length, BodyBudget::Lease lease);
  [[nodiscard]] tl::expected<Body, Refusal> read_chunked(BodyBudget::Lease lease);
  [[nodiscard]] bool make_room(BodyBudget::Lease& lease, std::size_t bytes);

  Channel channel_;
  Heir heir_;
  const std::string client_;
  const Limits& limits_;
  BodyBudget& budget_;
  Tls* const tls_;
  bool secured_ = false;

  std::string arrived_;  // and not yet used
  bool body_left_ = false;
  SteadyTime read_deadline_;
  SteadyTime write_deadline_;

  std::atomic<bool> first_request_{true};
  std::atomic<Phase> phase_{Phase::idle};
  std::atomic<SteadyTime::rep> since_;
  std::atomic<bool> told_to_go_{false};
};

}  // namespace alertscaler::receive
