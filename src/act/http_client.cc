#include "act/http_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include <curl/curl.h>

#include "base/guarded.h"
#include "base/text.h"

namespace alertscaler {
namespace {

constexpr std::size_t idle_lanes_max = 16;
constexpr int poll_ms_max = 1000;
constexpr long connect_ms_max = 5000;

struct EasyDeleter {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct MultiDeleter {
  void operator()(CURLM* handle) const noexcept { curl_multi_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using EasyHandle = std::unique_ptr<CURL, EasyDeleter>;
using MultiHandle = std::unique_ptr<CURLM, MultiDeleter>;
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

bool append(HeaderList& list, const std::string& line) {  // curl_slist_append: null leaves the old list as it was
  curl_slist* head = curl_slist_append(list.get(), line.c_str());
  if (head == nullptr) return false;
  (void)list.release();
  list.reset(head);
  return true;
}

// curl_global_init must happen once, before any handle; it is never undone, as other users of libcurl may remain.
bool curl_is_ready() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

// One request while it is under way.
struct Transfer {
  EasyHandle easy;
  HeaderList headers;
  HeaderList connect_to;
  std::array<char, CURL_ERROR_SIZE> words{};
  HttpResponse response;
  std::size_t bytes_max = 0;
  bool too_large = false;
  std::optional<CURLcode> ended;
  bool setup_failed = false;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  if (transfer.response.body.size() + bytes > transfer.bytes_max) {
    transfer.too_large = true;
    return 0;  // anything but the count ends the transfer
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) transfer.response.headers.clear();  // what came before was a 1xx
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    const std::string name = text::to_lower(text::trim(line.substr(0, colon)));
    const std::string value{text::trim(line.substr(colon + 1))};
    if (name == "date") {
      const std::time_t seconds = curl_getdate(value.c_str(), nullptr);
      if (seconds > 0) transfer.response.date = Instant{std::chrono::seconds{seconds}};
    }
    transfer.response.headers[name] = value;
  }
  return line.size();
}

// Collects what setopt says, so that every option is checked and the first failure is known.
class Options {
 public:
  explicit Options(CURL* easy) : easy_(easy) {}
  template <class T>
  void set(CURLoption option, T value) {
    if (code_ == CURLE_OK) code_ = curl_easy_setopt(easy_, option, value);
  }
  void set_if(CURLoption option, const std::string& value) {
    if (!value.empty()) set(option, value.c_str());
  }
  // `pem` outlives the transfer.
  void set_pem(CURLoption option, const std::string& pem) {
    if (pem.empty()) return;
    curl_blob blob{};
    blob.data = const_cast<char*>(pem.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): it only reads
    blob.len = pem.size();
    blob.flags = CURL_BLOB_NOCOPY;
    set(option, &blob);
  }
  [[nodiscard]] CURLcode code() const { return code_; }

 private:
  CURL* easy_;
  CURLcode code_ = CURLE_OK;
};

void set_peer(Options& options, const HttpPeer& peer) {
  options.set(CURLOPT_PROTOCOLS_STR, "http,https");
  options.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  options.set(CURLOPT_FOLLOWLOCATION, 0L);
  options.set(CURLOPT_NOSIGNAL, 1L);
  options.set(CURLOPT_QUICK_EXIT, 1L);  // what is over does not wait for a name server that does not answer
  options.set(CURLOPT_TCP_KEEPALIVE, 1L);
  options.set(CURLOPT_USERAGENT, "alertscaler");
  if (!peer.unix_socket.empty()) {
    options.set(CURLOPT_UNIX_SOCKET_PATH, peer.unix_socket.c_str());
    options.set(CURLOPT_NOPROXY, "*");
  }
  if (peer.direct) options.set(CURLOPT_NOPROXY, "*");
  if (!peer.proxy.empty()) {
    options.set(CURLOPT_PROXY, peer.proxy.c_str());
    options.set(CURLOPT_NOPROXY, "");
  }
  options.set(CURLOPT_SSL_VERIFYPEER, peer.insecure_skip_verify ? 0L : 1L);
  options.set(CURLOPT_SSL_VERIFYHOST, peer.insecure_skip_verify ? 0L : 2L);
  options.set_if(CURLOPT_CAINFO, peer.ca_file);
  options.set_if(CURLOPT_SSLCERT, peer.cert_file);
  options.set_if(CURLOPT_SSLKEY, peer.key_file);
  options.set_pem(CURLOPT_CAINFO_BLOB, peer.ca_pem);
  // Who names an authority trusts that one, and not those of the machine as well.
  if (!peer.ca_file.empty() || !peer.ca_pem.empty()) options.set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  options.set_pem(CURLOPT_SSLCERT_BLOB, peer.cert_pem);
  options.set_pem(CURLOPT_SSLKEY_BLOB, peer.key_pem.reveal());
}

// libcurl takes the expected name from the URL alone. So the URL gets that name, and the connection and the header Host
// the real address.
struct Address {
  std::string url;         // with the name
  std::string host;        // for the header; empty: the one of the URL
  std::string connect_to;  // likewise
};

Address address_of(const HttpPeer& peer) {
  constexpr std::string_view scheme = "https://";
  if (peer.server_name.empty() || !peer.base_url.starts_with(scheme)) return {peer.base_url, "", ""};
  const std::string rest = peer.base_url.substr(scheme.size());
  const std::size_t host_end = std::min(rest.find('/'), rest.size());
  const std::string host = rest.substr(0, host_end);
  const std::size_t bracket = host.rfind(']');
  const std::size_t colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  const std::string port = colon == std::string::npos ? ":443" : host.substr(colon);
  return {std::string(scheme) + peer.server_name + port + rest.substr(host_end), host,
          "::" + host + (colon == std::string::npos ? port : "")};
}

bool set_headers(Transfer& transfer, const HttpRequest& request, const std::string& host) {
  bool ok = append(transfer.headers, "Expect:") && (host.empty() || append(transfer.headers, "Host: " + host)) &&
            append(transfer.headers,
                   request.content_type.empty() ? "Content-Type:" : "Content-Type: " + request.content_type);
  for (const std::string& header : request.headers) ok = ok && append(transfer.headers, header);
  return ok;
}

CURLcode set_request(Transfer& transfer, const HttpPeer& peer, const HttpRequest& request) {
  Options options(transfer.easy.get());
  set_peer(options, peer);
  const Address address = address_of(peer);
  options.set(CURLOPT_URL, (address.url + request.path).c_str());
  if (!address.connect_to.empty()) {
    if (!append(transfer.connect_to, address.connect_to)) return CURLE_OUT_OF_MEMORY;
    options.set(CURLOPT_CONNECT_TO, transfer.connect_to.get());
  }
  if (request.basic_auth) {
    options.set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    options.set(CURLOPT_USERNAME, request.basic_auth->username.c_str());
    options.set(CURLOPT_PASSWORD, request.basic_auth->password.reveal().c_str());
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    options.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    options.set(CURLOPT_POSTFIELDS, request.body.data());  // not copied: the request outlives the transfer
  } else if (request.method == "HEAD") {
    options.set(CURLOPT_NOBODY, 1L);
  }
  if (request.method != "GET" && request.method != "HEAD") {
    // On a connection that was used before libcurl would send it once more by itself when the answer does not come.
    options.set(CURLOPT_FRESH_CONNECT, 1L);
    options.set(CURLOPT_FORBID_REUSE, 1L);
  }
  options.set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (!set_headers(transfer, request, address.host)) return CURLE_OUT_OF_MEMORY;
  options.set(CURLOPT_HTTPHEADER, transfer.headers.get());
  options.set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  options.set(CURLOPT_CONNECTTIMEOUT_MS, std::min(static_cast<long>(request.timeout.count()), connect_ms_max));
  options.set(CURLOPT_ERRORBUFFER, transfer.words.data());
  options.set(CURLOPT_WRITEFUNCTION, &on_body);
  options.set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  options.set(CURLOPT_HEADERFUNCTION, &on_header);
  options.set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  options.set(CURLOPT_PRIVATE, static_cast<void*>(&transfer));
  transfer.bytes_max = request.response_bytes_max;
  return options.code();
}

int system_error(CURL* easy) {
  long number = 0;
  return curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK ? static_cast<int>(number) : 0;
}

HttpError::Why why_not_connected(CURL* easy) {
  switch (system_error(easy)) {
    case ENOENT:
      return HttpError::Why::no_socket;
    case EACCES:
    case EPERM:
      return HttpError::Why::not_permitted;
    case ECONNREFUSED:
      return HttpError::Why::refused;
    default:
      return HttpError::Why::not_connected;
  }
}

HttpError::Why why(CURLcode code, CURL* easy) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return why_not_connected(easy);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return HttpError::Why::not_connected;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpError::Why::timeout;
    case CURLE_PEER_FAILED_VERIFICATION:
      return HttpError::Why::not_trusted;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_INITFAILED:
      return HttpError::Why::tls;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_OUT_OF_MEMORY:
      return HttpError::Why::misconfigured;
    default:
      return HttpError::Why::broken;
  }
}

HttpResult result_of(Transfer& transfer) {
  CURL* easy = transfer.easy.get();
  long request_bytes = 0;
  if (easy != nullptr && curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes) != CURLE_OK) request_bytes = 0;
  HttpError error{HttpError::Why::cancelled, request_bytes > 0, "stop was requested"};
  if (!transfer.ended) return tl::unexpected<HttpError>(std::move(error));
  const CURLcode code = *transfer.ended;
  long status = 0;
  if (code == CURLE_OK && curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status > 0) {
    transfer.response.code = static_cast<int>(status);
    return std::move(transfer.response);
  }
  error.why = transfer.too_large ? HttpError::Why::too_large : why(code, easy);
  // TLS 1.3 tells a refused client certificate only at the first read.
  const std::string_view words(transfer.words.data());
  if (error.why == HttpError::Why::broken && words.find("alert") != std::string_view::npos) {
    error.why = HttpError::Why::tls;
  }
  error.message = transfer.too_large ? "the answer is larger than " + std::to_string(transfer.bytes_max) + " bytes"
                  : words.empty()    ? curl_easy_strerror(code)
                                     : std::string(text::trim(words));
  // Of a socket libcurl's own words name a host and a port that nobody asked for.
  if (code == CURLE_COULDNT_CONNECT && system_error(easy) != 0) {
    error.message = std::generic_category().message(system_error(easy));
  }
  return tl::unexpected<HttpError>(std::move(error));
}

Duration time_of(const Transfer& transfer) {
  curl_off_t microseconds = 0;
  if (!transfer.easy || curl_easy_getinfo(transfer.easy.get(), CURLINFO_TOTAL_TIME_T, &microseconds) != CURLE_OK) {
    return Duration{0};
  }
  return std::chrono::duration_cast<Duration>(std::chrono::microseconds{microseconds});
}

}  // namespace

// A multi handle keeps the connections of the easy handles that run in it.
struct HttpClient::Lane {
  MultiHandle multi;
  std::vector<EasyHandle> easies;
};

struct HttpClient::Idle {
  Guarded<std::vector<Lane>> lanes;
};

// A lane for as long as one call lasts.
class HttpClient::Borrowed {
 public:
  explicit Borrowed(Idle& idle) : idle_(idle) {
    idle_.lanes.with([&](std::vector<Lane>& lanes) {
      if (lanes.empty()) return;
      lane_ = std::move(lanes.back());
      lanes.pop_back();
    });
    if (!lane_.multi && curl_is_ready()) lane_.multi.reset(curl_multi_init());
  }
  ~Borrowed() {
    if (!lane_.multi) return;
    idle_.lanes.with([&](std::vector<Lane>& lanes) {
      if (lanes.size() < idle_lanes_max) lanes.push_back(std::move(lane_));
    });
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  [[nodiscard]] CURLM* multi() { return lane_.multi.get(); }
  [[nodiscard]] EasyHandle take_easy() {
    if (lane_.easies.empty()) return EasyHandle(curl_easy_init());
    EasyHandle easy = std::move(lane_.easies.back());
    lane_.easies.pop_back();
    return easy;
  }
  void give_back(EasyHandle easy) {
    curl_easy_reset(easy.get());
    lane_.easies.push_back(std::move(easy));
  }

  // Runs until every transfer has ended, or stop is requested. Each has its own deadline, so this one ends too.
  void run(std::size_t under_way, const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi()); });
    while (under_way > 0 && !stop.stop_requested()) {
      int running = 0;
      if (curl_multi_perform(multi(), &running) != CURLM_OK) return;
      int queued = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi(), &queued)) {
        if (message->msg != CURLMSG_DONE) continue;
        char* user = nullptr;
        if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user) != CURLE_OK) continue;
        static_cast<Transfer*>(static_cast<void*>(user))->ended = message->data.result;
        --under_way;
      }
      if (under_way > 0 && curl_multi_poll(multi(), nullptr, 0, poll_ms_max, nullptr) != CURLM_OK) return;
    }
  }

 private:
  Idle& idle_;
  Lane lane_;
};

HttpClient::HttpClient(HttpPeer peer, HttpObserver observer)
    : peer_(std::move(peer)), observer_(std::move(observer)), idle_(std::make_unique<Idle>()) {}
HttpClient::~HttpClient() = default;

HttpResult HttpClient::send(const HttpRequest& request, const std::stop_token& stop) {
  return std::move(send_all({&request, 1}, stop).front());
}

std::vector<HttpResult> HttpClient::send_all(std::span<const HttpRequest> requests, const std::stop_token& stop) {
  Borrowed lane(*idle_);
  std::vector<Transfer> transfers(requests.size());  // not moved from here on: libcurl points into them
  std::size_t under_way = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Transfer& transfer = transfers[i];
    transfer.easy = lane.multi() == nullptr ? nullptr : lane.take_easy();
    CURLcode code = transfer.easy ? set_request(transfer, peer_, requests[i]) : CURLE_FAILED_INIT;
    if (code == CURLE_OK && curl_multi_add_handle(lane.multi(), transfer.easy.get()) != CURLM_OK) {
      code = CURLE_FAILED_INIT;
    }
    transfer.setup_failed = code != CURLE_OK;
    if (transfer.setup_failed) {
      transfer.ended = code;
    } else {
      ++under_way;
    }
  }
  lane.run(under_way, stop);
  std::vector<HttpResult> results;
  results.reserve(requests.size());
  for (Transfer& transfer : transfers) {
    results.push_back(result_of(transfer));
    if (observer_) observer_(results.back() ? results.back()->code : 0, time_of(transfer));
    if (!transfer.easy) continue;
    if (!transfer.setup_failed) curl_multi_remove_handle(lane.multi(), transfer.easy.get());
    lane.give_back(std::move(transfer.easy));
  }
  return results;
}

}  // namespace alertscaler
