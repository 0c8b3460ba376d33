// SPDX-License-Identifier: Apache-2.0
#include "link_options.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "kubernetes/api_client.h"
#include "kubernetes/in_cluster.h"
#include "kubernetes/startup_taint.h"
#include "kubernetes/token_review.h"
#include "rpc/tcp_listener.h"

ABSL_FLAG(
    std::string, controller, "",
    "with --role=node: HOST:PORT of the controllers; a stream is kept open to each address of "
    "the host; default: none, the node works alone");
ABSL_FLAG(std::string, link_listen, ":9443",
          "with --role=controller: ADDRESS:PORT for the nodes' streams");
ABSL_FLAG(std::string, link_ca, "", "PEM file of the CA of all nodes and controllers");
ABSL_FLAG(
    std::string, link_cert, "",
    "PEM file of this node's or controller's certificate (nodevol pki); it is read again when "
    "it has changed");
ABSL_FLAG(std::string, link_key, "", "PEM file of the certificate's key");
ABSL_FLAG(std::string, trust_domain, "",
          "of the URIs in certificates: spiffe://DOMAIN/node/NAME and spiffe://DOMAIN/controller; "
          "default: the driver's name");
ABSL_FLAG(std::string, link_token, "",
          "with --role=node: file of a projected ServiceAccount token that is shown to controllers "
          "instead of a certificate; it is read again for each stream");
ABSL_FLAG(std::string, link_authentication, "certificate",
          "with --role=controller: how nodes prove who they are: certificate, or token (of a "
          "ServiceAccount, reviewed by --kubernetes-api)");
ABSL_FLAG(std::string, link_audience, "",
          "with --link-authentication=token: the audience that tokens must have; default: the "
          "driver's name");
ABSL_FLAG(
    std::string, link_service_account, "",
    "with --link-authentication=token: NAMESPACE/NAME of the nodes' ServiceAccount; tokens of "
    "others are refused");
ABSL_FLAG(std::string, kubernetes_api, "",
          "with --role=controller: https://HOST:PORT of the API server, or in-cluster; default: "
          "none, it is not asked anything");
ABSL_FLAG(std::string, kubernetes_ca, "",
          "PEM file of the API server's CA; default in a cluster: the pod's");
ABSL_FLAG(std::string, kubernetes_token, "",
          "file of the token to ask the API server with; default in a cluster: the pod's");
ABSL_FLAG(std::string, forget_node_after, "",
          "with --kubernetes-api: a node that is not connected, and whose Node object was deleted "
          "that long ago (24h), is taken for gone for good, and what was on it can be deleted; "
          "default: never");
ABSL_FLAG(std::string, startup_taint, "",
          "with --kubernetes-api: key of a taint that is taken off a node once its kubelet has "
          "registered the driver, such as csi.nodevol.io/agent-not-ready; default: none");

namespace nodevol {
namespace {

constexpr char kInCluster[] = "in-cluster";
// Anything shorter may be a node that is only registered anew.
constexpr absl::Duration kLeastAbsence = absl::Minutes(1);

void ParseAddress(bool listens, LinkOptions& link, Mistakes& mistakes) {
  const std::string text = absl::GetFlag(listens ? FLAGS_link_listen : FLAGS_controller);
  const char* const flag = listens ? "--link-listen" : "--controller";
  const absl::StatusOr<rpc::HostPort> address = rpc::ParseHostPort(text);
  mistakes.Add(flag, address.status());
  if (!address.ok()) return;
  link.address = *address;
  if (!listens && (address->host.empty() || address->port == 0)) {
    mistakes.Add(flag, absl::StrCat("\"", text, "\" must name a host and a port"));
  }
}

void ParseFiles(LinkOptions& link, Mistakes& mistakes) {
  link.files = {absl::GetFlag(FLAGS_link_ca), absl::GetFlag(FLAGS_link_cert),
                absl::GetFlag(FLAGS_link_key)};
  const bool shows_token = !link.token_file.empty();
  const auto require = [&mistakes](absl::string_view flag, const std::string& path) {
    if (!path.empty()) return;
    mistakes.Add(flag, "a PEM file is required; \"nodevol pki\" makes them for small set-ups");
  };
  require("--link-ca", link.files.ca);
  if (!shows_token) {
    require("--link-cert", link.files.cert);
    require("--link-key", link.files.key);
  } else if (!link.files.cert.empty() || !link.files.key.empty()) {
    mistakes.Add("--link-token",
                 absl::StrCat("\"", link.token_file,
                              "\": a node shows a token or a certificate; leave out "
                              "this flag, or --link-cert and --link-key"));
  }
}

// How a controller knows nodes.
void ParseAuthentication(const Options& options, LinkOptions& link, Mistakes& mistakes) {
  const std::string way = absl::GetFlag(FLAGS_link_authentication);
  const std::string audience = absl::GetFlag(FLAGS_link_audience);
  const std::string account = absl::GetFlag(FLAGS_link_service_account);
  if (way != "certificate" && way != "token") {
    mistakes.Add("--link-authentication",
                 absl::StrCat("\"", way, "\" is not one of certificate, token"));
  }
  if (way != "token") {
    constexpr char kMeantFor[] = "--link-authentication=token";
    mistakes.AddUseless("--link-audience", audience, kMeantFor);
    mistakes.AddUseless("--link-service-account", account, kMeantFor);
    return;
  }
  link.tokens.emplace();
  link.tokens->audience = audience.empty() ? options.driver_name : audience;
  link.tokens->service_account = account;
  if (account.empty()) {
    mistakes.Add("--link-service-account",
                 "NAMESPACE/NAME of the nodes' ServiceAccount is required: without it any pod that "
                 "has a token of the audience could pose as the node that it runs on");
  } else {
    mistakes.Add("--link-service-account", kubernetes::CheckServiceAccount(account));
  }
  if (absl::GetFlag(FLAGS_kubernetes_api).empty()) {
    mistakes.Add(
        "--kubernetes-api",
        "is required to review tokens (--link-authentication=token): https://HOST:PORT, or "
        "in-cluster");
  }
}

void RefuseControllersFlags(Mistakes& mistakes) {
  constexpr char kMeantFor[] = "--role=controller";
  if (const std::string way = absl::GetFlag(FLAGS_link_authentication); way != "certificate") {
    mistakes.AddUseless("--link-authentication", way, kMeantFor);
  }
  mistakes.AddUseless("--link-audience", absl::GetFlag(FLAGS_link_audience), kMeantFor);
  mistakes.AddUseless("--link-service-account", absl::GetFlag(FLAGS_link_service_account),
                      kMeantFor);
}

void ParseForgetting(Options& options, Mistakes& mistakes) {
  constexpr char kFlag[] = "--forget-node-after";
  const std::string text = absl::GetFlag(FLAGS_forget_node_after);
  if (text.empty()) return;
  absl::Duration after;
  if (!absl::ParseDuration(text, &after)) {
    mistakes.Add(kFlag, absl::StrCat("\"", text, "\" is no duration, such as 24h"));
    return;
  }
  if (options.role != Role::kController) {
    mistakes.AddUseless(kFlag, text, "--role=controller");
  } else if (absl::GetFlag(FLAGS_kubernetes_api).empty()) {
    mistakes.Add(kFlag, absl::StrCat(text,
                                     " needs --kubernetes-api: that a node is gone is known "
                                     "from its Node object only"));
  }
  if (after < kLeastAbsence) {
    mistakes.Add(kFlag, absl::StrCat(text, " is less than a minute; 24h would be usual"));
  }
  options.forget_node_after = after;
}

void ParseStartupTaint(Options& options, Mistakes& mistakes) {
  constexpr char kFlag[] = "--startup-taint";
  options.startup_taint = absl::GetFlag(FLAGS_startup_taint);
  if (options.startup_taint.empty()) return;
  mistakes.Add(kFlag, kubernetes::CheckTaintKey(options.startup_taint));
  if (options.role != Role::kController) {
    mistakes.AddUseless(kFlag, options.startup_taint, "--role=controller");
  } else if (absl::GetFlag(FLAGS_kubernetes_api).empty()) {
    mistakes.Add(kFlag, absl::StrCat("\"", options.startup_taint,
                                     "\" needs --kubernetes-api: the taint is taken off there"));
  }
}

}  // namespace

void ParseLink(Options& options, Mistakes& mistakes) {
  const std::string controller = absl::GetFlag(FLAGS_controller);
  const std::string token = absl::GetFlag(FLAGS_link_token);
  if (options.role != Role::kNode) {
    mistakes.AddUseless("--controller", controller, "--role=node");
    mistakes.AddUseless("--link-token", token, "--role=node");
  }
  if (options.role != Role::kController) RefuseControllersFlags(mistakes);
  if (options.role == Role::kAll || (options.role == Role::kNode && controller.empty())) return;
  LinkOptions link;
  ParseAddress(options.role == Role::kController, link, mistakes);
  if (options.role == Role::kNode) link.token_file = token;
  ParseFiles(link, mistakes);
  link.trust_domain = absl::GetFlag(FLAGS_trust_domain);
  if (link.trust_domain.empty()) link.trust_domain = options.driver_name;
  if (options.role == Role::kController) ParseAuthentication(options, link, mistakes);
  options.link = std::move(link);
}

void ParseKubernetes(Options& options, Mistakes& mistakes) {
  const std::string api = absl::GetFlag(FLAGS_kubernetes_api);
  const std::string ca = absl::GetFlag(FLAGS_kubernetes_ca);
  const std::string token = absl::GetFlag(FLAGS_kubernetes_token);
  if (options.role != Role::kController) {
    mistakes.AddUseless("--kubernetes-api", api, "--role=controller");
  }
  ParseForgetting(options, mistakes);
  ParseStartupTaint(options, mistakes);
  if (api.empty()) {
    mistakes.AddUseless("--kubernetes-ca", ca, "--kubernetes-api");
    mistakes.AddUseless("--kubernetes-token", token, "--kubernetes-api");
    return;
  }
  kubernetes::ApiClient::Options client = {api, ca, token};
  if (api == kInCluster) {
    const absl::StatusOr<std::string> url = kubernetes::ApiUrlInPod();
    mistakes.Add("--kubernetes-api", url.status());
    if (url.ok()) client.url = *url;
    if (ca.empty()) client.ca_file = kubernetes::kPodCaFile;
    if (token.empty()) client.token_file = kubernetes::kPodTokenFile;
  } else {
    mistakes.Add("--kubernetes-api", kubernetes::CheckApiUrl(api));
    if (ca.empty())
      mistakes.Add("--kubernetes-ca", "the PEM file of the API server's CA is required");
    if (token.empty()) {
      mistakes.Add("--kubernetes-token", "a file with a token for the API server is required");
    }
  }
  options.api_server = std::move(client);
}

}  // namespace nodevol
