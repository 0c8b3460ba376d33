// SPDX-License-Identifier: Apache-2.0
#include "test/client/raw_client.h"

#include <chrono>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/byte_buffer.h"

namespace nodevol::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;

// "/csi.v1.Controller/CreateVolume"; a request type belongs to one method.
std::string MethodOf(const Descriptor& request) {
  const FileDescriptor& file = *request.file();
  for (int i = 0; i < file.service_count(); ++i) {
    for (int j = 0; j < file.service(i)->method_count(); ++j) {
      const google::protobuf::MethodDescriptor& method = *file.service(i)->method(j);
      if (method.input_type() == &request) {
        return absl::StrCat("/", method.service()->full_name(), "/", method.name());
      }
    }
  }
  return "";
}

std::shared_ptr<grpc::Channel> ConnectTo(const std::string& socket_path) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(absl::StrCat("unix://", socket_path),
                                   grpc::InsecureChannelCredentials(), arguments);
}

std::string Join(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace

RawClient::RawClient(const std::string& socket_path) : stub_(ConnectTo(socket_path)) {}

absl::StatusOr<std::string> RawClient::Send(const Descriptor& request, const std::string& bytes) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  grpc::CompletionQueue queue;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer message(&slice, 1);
  const std::unique_ptr<grpc::GenericClientAsyncResponseReader> call =
      stub_.PrepareUnaryCall(&context, MethodOf(request), message, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  return Join(answer);
}

absl::StatusOr<std::string> RawClient::Send(const google::protobuf::Message& request) {
  // Without a look at the strings: a generated client would complain of what is not UTF-8.
  return Send(*request.GetDescriptor(), request.SerializeAsString());
}

}  // namespace nodevol::testing
