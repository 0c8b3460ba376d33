// SPDX-License-Identifier: Apache-2.0
//
// nodevol pki ca, nodevol pki node, nodevol pki controller.
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "admin/command.h"
#include "admin/text.h"
#include "base/status_macros.h"
#include "link/authenticator.h"
#include "link/pki.h"

namespace nodevol::admin {
namespace {

constexpr char kDefaultDomain[] = "csi.nodevol.io";
constexpr int kMaxDays = 36500;

Option DaysOption(const std::string& days) {
  return {
      .name = "days", .value = "N", .help = absl::StrCat("how long it is valid; default: ", days)};
}

Option DomainOption() {
  return {.name = "trust-domain",
          .value = "DOMAIN",
          .help = absl::StrCat("as the driver's --trust-domain; default: ", kDefaultDomain)};
}

absl::StatusOr<absl::Duration> ValidFor(const Arguments& arguments, int otherwise) {
  if (!arguments.Has("days")) return absl::Hours(24) * otherwise;
  const std::string text = arguments.Get("days");
  int days = 0;
  if (!absl::SimpleAtoi(text, &days) || days < 1 || days > kMaxDays) {
    return absl::InvalidArgumentError(
        absl::StrCat("--days: \"", text, "\" is not a number from 1 to ", kMaxDays));
  }
  return absl::Hours(24) * days;
}

std::string DomainOf(const Arguments& arguments) {
  return arguments.Get("trust-domain", kDefaultDomain);
}

// Says what was made.
Exit Made(const Streams& streams, const absl::Status& made, const std::string& directory,
          const std::string& name) {
  if (!made.ok()) return Fail(streams, made);
  streams.out << Printable(absl::StrCat(directory, "/", name, ".pem")) << "\n"
              << Printable(absl::StrCat(directory, "/", name, ".key")) << "\n";
  return Exit::kOk;
}

Exit MakeCa(const Arguments& arguments, const Streams& streams) {
  constexpr int kDays = 3650;
  const absl::StatusOr<absl::Duration> valid = ValidFor(arguments, kDays);
  if (!valid.ok()) return Fail(streams, valid.status());
  const std::string& directory = arguments.words()[0];
  return Made(streams, link::MakeCaFiles(directory, "nodevol CA", *valid), directory, "ca");
}

// A pair of this name, signed by the CA that is in the directory.
Exit MakePair(const Arguments& arguments, const Streams& streams, const std::string& name,
              const link::Subject& subject) {
  constexpr int kDays = 365;
  const absl::StatusOr<absl::Duration> valid = ValidFor(arguments, kDays);
  if (!valid.ok()) return Fail(streams, valid.status());
  const std::string& directory = arguments.words()[0];
  return Made(streams, link::MakeCertificateFiles(directory, name, subject, *valid), directory,
              name);
}

Exit MakeNode(const Arguments& arguments, const Streams& streams) {
  const std::string& node = arguments.words()[1];
  if (node.empty() || node.find('/') != std::string::npos) {
    return Fail(streams,
                absl::InvalidArgumentError(absl::StrCat("\"", node, "\" is no name of a node")));
  }
  return MakePair(arguments, streams, node, {node, {link::NodeUri(DomainOf(arguments), node)}, {}});
}

Exit MakeController(const Arguments& arguments, const Streams& streams) {
  const std::string domain = DomainOf(arguments);
  return MakePair(arguments, streams, "controller",
                  {"controller", {link::ControllerUri(domain)}, {link::ControllerDnsName(domain)}});
}

}  // namespace

void AddPkiCommands(std::vector<Command>& commands) {
  commands.push_back(
      {.name = "pki ca",
       .words = "DIRECTORY",
       .summary = "make a CA for the certificates of nodes and controllers",
       .text = "Writes ca.pem and ca.key. For small set-ups and for trying out: keep ca.key away "
               "from the nodes; whoever has it can be any node. Nothing is written over.",
       .examples = "  nodevol pki ca /root/pki",
       .options = {DaysOption("3650")},
       .least_words = 1,
       .most_words = 1,
       .run = MakeCa});
  commands.push_back(
      {.name = "pki node",
       .words = "DIRECTORY NODE",
       .summary = "make a node's certificate",
       .text = "Writes NODE.pem and NODE.key, signed by the CA in the directory. NODE is what the "
               "node's --node-id says: the node can speak for that name and no other.",
       .examples =
           "  nodevol pki node /root/pki worker-1\n"
           "  nodevol pki node --days 30 --trust-domain disks.example.org /root/pki worker-1",
       .options = {DaysOption("365"), DomainOption()},
       .least_words = 2,
       .most_words = 2,
       .run = MakeNode});
  commands.push_back(
      {.name = "pki controller",
       .words = "DIRECTORY",
       .summary = "make the controllers' certificate",
       .text = "Writes controller.pem and controller.key, signed by the CA in the directory. All "
               "replicas may have the same.",
       .examples = "  nodevol pki controller /root/pki",
       .options = {DaysOption("365"), DomainOption()},
       .least_words = 1,
       .most_words = 1,
       .run = MakeController});
}

}  // namespace nodevol::admin
