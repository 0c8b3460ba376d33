// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_COMMAND_H_
#define NODEVOL_ADMIN_COMMAND_H_

#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

#include "admin/arguments.h"
#include "admin/client.h"

// What a command of the administrator is, and what all commands share.
namespace nodevol::admin {

// What the process ends with.
enum class Exit {
  kOk = 0,
  kWrong = 1,        // something is wrong, or was refused
  kUsage = 2,        // the command line can't be understood
  kUnreachable = 3,  // the driver does not answer
  kNotFound = 4,
};

struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

struct Command {
  std::string name;        // "pool list"
  std::string words = {};  // what it takes beside options, for the help: "PATH"
  std::string summary;     // one line
  std::string text;        // for --help: what it does, which exit codes mean what
  std::string examples;    // a line each
  std::vector<Option> options;
  size_t least_words = 0;
  size_t most_words = 0;
  std::function<Exit(const Arguments&, const Streams&)> run;
};

// Options that several commands have.
std::vector<Option> SocketOptions();
Option OutputOption(const std::string& values);

// How a listing is printed.
enum class OutputFormat { kTable, kWide, kJson };
// INVALID_ARGUMENT for another value of -o.
absl::StatusOr<OutputFormat> ParseOutputFormat(const Arguments& arguments);

// A client of the driver at the socket that the arguments name.
absl::StatusOr<std::unique_ptr<Client>> Connect(const Arguments& arguments);

// Says what is wrong on the error stream; the exit code is that of the status.
Exit Fail(const Streams& streams, const absl::Status& status);

// The commands, a function for each group of them.
void AddPoolCommands(std::vector<Command>& commands);
void AddPoolInitCommand(std::vector<Command>& commands);
void AddPoolCheckCommand(std::vector<Command>& commands);
void AddVolumeCommands(std::vector<Command>& commands);
void AddSnapshotCommands(std::vector<Command>& commands);
void AddOrphanCommands(std::vector<Command>& commands);
void AddDoctorCommand(std::vector<Command>& commands);
void AddPkiCommands(std::vector<Command>& commands);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_COMMAND_H_
