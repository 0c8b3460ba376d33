// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/load.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "test/cluster/insist.h"

namespace nodevol::testing {

Load::Load(const Cluster& cluster, size_t clients, unsigned seed) {
  for (size_t i = 0; i < clients; ++i) {
    clients_.push_back(std::make_unique<LoadClient>(
        cluster, observations_, absl::StrCat("s", seed, "-", i), seed + static_cast<unsigned>(i)));
  }
  for (const std::unique_ptr<LoadClient>& owned : clients_) {
    threads_.emplace_back([this, client = owned.get()] {
      while (!enough_) {
        client->Step();
        // One that has nothing to do must not take what others need.
        absl::SleepFor(absl::Milliseconds(1));
      }
    });
  }
}

Load::~Load() { Stop(); }

void Load::Stop() {
  enough_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

int Load::acknowledged() const {
  int sum = 0;
  for (const std::unique_ptr<LoadClient>& client : clients_) sum += client->acknowledged();
  return sum;
}

absl::Status Load::AwaitMore(int wishes) const {
  const int wanted = acknowledged() + wishes;
  const absl::Status done = Await([this, wanted]() -> absl::Status {
    // There will be no more from one that has a complaint.
    if (acknowledged() >= wanted || !Complaints().empty()) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat(wanted - acknowledged(), " calls more were to be answered OK; ", Answers()));
  });
  if (Complaints().empty()) return done;
  return absl::InternalError(absl::StrJoin(Complaints(), "\n"));
}

absl::Status Load::ForEach(const std::function<absl::Status(LoadClient&)>& work) {
  std::vector<absl::Status> answers(clients_.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < clients_.size(); ++i) {
    threads.emplace_back([&, i] { answers[i] = work(*clients_[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  absl::Status first;
  for (const absl::Status& answer : answers) first.Update(answer);
  return first;
}

absl::Status Load::Settle() {
  return ForEach([](LoadClient& client) { return client.Settle(); });
}

absl::Status Load::DeleteAll() {
  return ForEach([](LoadClient& client) { return client.DeleteAll(); });
}

Holdings Load::Expected() const {
  Holdings expected;
  for (const std::unique_ptr<LoadClient>& client : clients_) client->model().AddTo(expected);
  return expected;
}

}  // namespace nodevol::testing
