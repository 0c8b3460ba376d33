// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_TEST_PIPE_H_
#define NODEVOL_LINK_TEST_PIPE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

#include "link/stream.h"
#include "proto/link.pb.h"

// For tests: what carries the messages of two sessions in one process, each as it would be on the
// wire. A test may look at them, change them, or cut the stream.
namespace nodevol::link {

class TestPipe {
 public:
  using Node = StreamUser<v1::ControllerMessage, v1::NodeMessage>;
  using Controller = StreamUser<v1::NodeMessage, v1::ControllerMessage>;
  // Called with each message before it arrives, on the pipe's thread.
  struct Hooks {
    std::function<void(v1::NodeMessage&)> from_node = [](v1::NodeMessage&) {};
    std::function<void(v1::ControllerMessage&)> from_controller = [](v1::ControllerMessage&) {};
  };

  // Sessions are those of link/; both are attached.
  template <typename NodeEnd, typename ControllerEnd>
  static std::unique_ptr<TestPipe> Connect(const std::shared_ptr<NodeEnd>& node,
                                           const std::shared_ptr<ControllerEnd>& controller,
                                           Hooks hooks) {
    std::unique_ptr<TestPipe> pipe(new TestPipe(node, controller, std::move(hooks)));
    controller->Attach(pipe->end_);
    node->Attach(pipe->end_);
    // Not before: an end that does not know its stream can't close it.
    pipe->thread_ = std::thread([running = pipe.get()] { running->Run(); });
    return pipe;
  }
  ~TestPipe() {
    end_->Close(absl::UnavailableError("the test has cut the stream"));
    thread_.join();
  }
  TestPipe(const TestPipe&) = delete;
  TestPipe& operator=(const TestPipe&) = delete;

  // Why the stream has ended; OK while it has not.
  [[nodiscard]] absl::Status ended() const { return end_->closed(); }

 private:
  // Both ends at once: whoever wakes it, it looks at both.
  class End final : public Stream {
   public:
    void Wake() override {
      absl::MutexLock lock(&mutex_);
      woken_ = true;
    }
    void Close(const absl::Status& why) override {
      absl::MutexLock lock(&mutex_);
      if (closed_.ok()) closed_ = why;
    }
    absl::Status closed() const {
      absl::MutexLock lock(&mutex_);
      return closed_;
    }
    // Returns false once the stream is closed.
    bool Await() {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &End::Due));
      woken_ = false;
      return closed_.ok();
    }

   private:
    bool Due() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return woken_ || !closed_.ok(); }

    mutable absl::Mutex mutex_;
    bool woken_ ABSL_GUARDED_BY(mutex_) = true;
    absl::Status closed_ ABSL_GUARDED_BY(mutex_);
  };

  TestPipe(std::shared_ptr<Node> node, std::shared_ptr<Controller> controller, Hooks hooks)
      : node_(std::move(node)), controller_(std::move(controller)), hooks_(std::move(hooks)) {}

  template <typename From, typename To, typename Hook>
  bool Pass(From& from, To& to, const Hook& hook) {
    auto message = from.TakeNext();
    if (!message.has_value() || !end_->closed().ok()) return false;
    auto arrived = *message;
    arrived.ParseFromString(message->SerializeAsString());
    hook(arrived);
    to.OnMessage(std::move(arrived));
    return end_->closed().ok();
  }

  void Run() {
    while (end_->Await()) {
      bool some = true;
      while (some) {
        some = Pass(*node_, *controller_, hooks_.from_node);
        some |= Pass(*controller_, *node_, hooks_.from_controller);
      }
    }
    node_->OnClosed(end_->closed());
    controller_->OnClosed(end_->closed());
  }

  const std::shared_ptr<End> end_ = std::make_shared<End>();
  const std::shared_ptr<Node> node_;
  const std::shared_ptr<Controller> controller_;
  const Hooks hooks_;
  std::thread thread_;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_TEST_PIPE_H_
