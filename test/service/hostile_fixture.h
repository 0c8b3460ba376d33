// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_HOSTILE_FIXTURE_H_
#define NODEVOL_TEST_SERVICE_HOSTILE_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

#include "test/client/raw_client.h"
#include "test/service/harmless_requests.h"
#include "test/service/service_fixture.h"
#include "test/support/request_fields.h"

namespace nodevol::testing {

// Requests of which one field is hostile, sent to a driver with a volume in use. After each the
// pool must be as before and the driver alive.
class HostileFixture : public ServiceFixture {
 protected:
  void SetUp() override;
  void TearDown() override {
    // Nobody reads its connection any more: the driver would wait for it to say goodbye.
    raw_.reset();
    ServiceFixture::TearDown();
  }

  // What all secrets are that a request has beside its hostile field.
  static constexpr char kCanary[] = "canary-4711";

  // A harmless request to which the field belongs, with secrets where it can have them.
  [[nodiscard]] std::unique_ptr<google::protobuf::Message> HarmlessFor(
      const RequestField& field) const;
  [[nodiscard]] bool IsServed(const RequestField& field) const {
    return harmless_.IsServed(field.request());
  }
  // False when the driver serves no method at all beside the field's.
  [[nodiscard]] static bool ServiceIsServed(const RequestField& field);
  // Sends the request. What it made is deleted again; then nothing may have changed.
  absl::Status Send(const google::protobuf::Message& request);
  // The same for what is no valid message.
  absl::Status SendBytes(const google::protobuf::Descriptor& request, const std::string& bytes);

  // An id as the driver gives them, of no object: of this pool, or of one that is not here.
  [[nodiscard]] std::string AbsentId() const;
  [[nodiscard]] static std::string IdOfForeignPool();

 private:
  // Deletes what a Create call has made, and nothing else may have changed meanwhile.
  void UndoCreation(const google::protobuf::Message& request, const std::string& answer);
  // By their paths in the pool.
  void ExpectMadeOnly(const std::vector<std::string>& objects);
  void ExpectUnchanged();

  HarmlessRequests harmless_;
  std::unique_ptr<RawClient> raw_;
  std::vector<std::string> before_;
  pid_t pid_ = -1;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_HOSTILE_FIXTURE_H_
