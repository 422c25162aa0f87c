#include "act/docker/limits.h"

#include <algorithm>

#include "base/text.h"

namespace alertscaler::docker {
namespace {

std::string quoted(std::string_view service) {
  return "service \"" + std::string(service) + "\"";
}

Limit fixed_port(std::string_view service, int port, std::string host_ip, const std::string& container_port) {
  if (host_ip.empty()) host_ip = "0.0.0.0";
  if (host_ip.find(':') != std::string::npos) host_ip.insert(0, "[").append("]");
  const std::string number = std::to_string(port);
  const std::string inside = container_port.substr(0, container_port.find('/'));
  const int last = std::min(port + 9, 65535);
  return {1, quoted(service) + " publishes fixed host port " + number + " (" + host_ip + ":" + number + "->" +
                 container_port + "); only one replica can bind it; publish a range (\"" + number + "-" +
                 std::to_string(last) + ":" + inside + "\"), drop the host port, or put a proxy in front"};
}

// "", "0": the engine picks a port. "8080": one. "9100-9110": a range.
std::optional<Limit> port_limit(std::string_view service, const std::string& container_port, const Json& binding) {
  const std::string host_port = string_at(binding, "HostPort");
  const std::size_t dash = host_port.find('-');
  const auto first = text::parse_int(std::string_view(host_port).substr(0, dash));
  if (!first || *first == 0) return std::nullopt;
  const auto last = dash == std::string::npos ? first : text::parse_int(std::string_view(host_port).substr(dash + 1));
  if (!last || *last <= *first) return fixed_port(service, *first, string_at(binding, "HostIp"), container_port);
  const int ports = *last - *first + 1;
  return Limit{ports, "port range " + host_port + " allows at most " + std::to_string(ports) +
                          " replicas; publish a wider range"};
}

Limit static_address(std::string_view service, const std::string& network, const std::string& address) {
  return {1, quoted(service) + " has the static address " + address + " on network " + network +
                 "; only one replica can have it; remove ipv4_address and ipv6_address from the compose file"};
}

std::optional<Limit> address_limit(std::string_view service, const std::string& network, const Json& endpoint) {
  for (const char* key : {"IPv4Address", "IPv6Address"}) {
    const std::string address = string_at(endpoint, "IPAMConfig", key);
    if (address.empty()) continue;
    return static_address(service, network, address);
  }
  return std::nullopt;
}

void narrow(std::optional<Limit>& narrowest, std::optional<Limit> found) {
  if (found && (!narrowest || found->replicas_max < narrowest->replicas_max)) narrowest = std::move(found);
}

}  // namespace

std::optional<Limit> limit_of(const Json& inspect, std::string_view service) {
  std::optional<Limit> narrowest;
  const Json& ports = at(inspect, "HostConfig", "PortBindings");
  if (ports.is_object()) {
    for (const auto& [container_port, bindings] : ports.items()) {
      if (!bindings.is_array()) continue;
      for (const Json& binding : bindings) narrow(narrowest, port_limit(service, container_port, binding));
    }
  }
  const Json& networks = at(inspect, "NetworkSettings", "Networks");
  if (networks.is_object()) {
    for (const auto& [name, endpoint] : networks.items()) narrow(narrowest, address_limit(service, name, endpoint));
  }
  return narrowest;
}

Limit named_limit(std::string_view service, std::string_view name) {
  return {1, quoted(service) + " cannot be scaled above 1: it sets container_name \"" + std::string(name) +
                 "\"; remove container_name from the compose file"};
}

std::string scaling_note(const Json& inspect, std::string_view service) {
  if (string_at(inspect, "HostConfig", "NetworkMode") == "host") {
    return quoted(service) + " uses the host's network: replicas that bind the same port fail";
  }
  if (!string_at(inspect, "Config", "MacAddress").empty()) {
    return quoted(service) + " sets mac_address, which new replicas do not get";
  }
  return "";
}

}  // namespace alertscaler::docker
