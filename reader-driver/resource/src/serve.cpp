#include <condition_variable>
#include <optional>

#include "cardea/pcsc_link/messages.h"
#include "cardea/resource/server.h"
#include "cardea/secret.h"

namespace cardea::resource {

namespace {

using namespace pcsc_link;  // NOLINT(google-build-using-namespace): its words, in this file only

/// A program that connects says hello at once.
constexpr std::chrono::seconds kHelloLimit{5};

/// One request's answer, as the payload of a reply.
struct Answer {
  Session& session;

  Bytes operator()(const request::Connect& r) const {
    Connected out;
    const auto code = session.connect(r.reader, r.share, r.protocols, out);
    return encode_reply(code, out);
  }
  Bytes operator()(const request::Reconnect& r) const {
    Connected out;
    const auto code = session.reconnect(r.card, r.share, r.protocols, r.initialization, out);
    return encode_reply(code, out);
  }
  Bytes operator()(const request::Disconnect& r) const {
    return encode_reply(session.disconnect(r.card, r.disposition));
  }
  Bytes operator()(const request::Begin& r) const { return encode_reply(session.begin(r.card)); }
  Bytes operator()(const request::End& r) const { return encode_reply(session.end(r.card, r.disposition)); }
  Bytes operator()(const request::Status& r) const {
    ReaderRecord out;
    const auto code = session.status(r.card, r.wait, out);
    return encode_reply(code, out);
  }
  Bytes operator()(const request::Transmit& r) const {
    Transmitted out;
    const auto code = session.transmit(r.card, r.protocol, r.command, out);
    return encode_reply(code, out);
  }
  Bytes operator()(const request::Control& r) const {
    Bytes out;
    const auto code = session.control(r.card, r.control_code, r.input, out);
    return encode_reply(code, BytesView{out});
  }
  Bytes operator()(const request::Readers&) const {
    ReaderList out;
    const auto code = session.readers(out);
    return encode_reply(code, out);
  }
  Bytes operator()(const request::Wait& r) const {
    ReaderList out;
    const auto code = session.wait(r.call, r.known, r.limit, out);
    return encode_reply(code, out);
  }
  Bytes operator()(const request::Cancel&) const { return {}; }
  Bytes operator()(const request::Release&) const { return encode_reply(session.release()); }
};

/// Whether a request may take as long as other programs please.
struct MayWait {
  const Context& context;

  bool operator()(const request::Wait&) const { return true; }
  bool operator()(const request::Connect& r) const { return context.would_wait(r.reader); }
  bool operator()(const request::Reconnect& r) const { return context.would_wait(r.card); }
  bool operator()(const request::Disconnect& r) const {
    return r.disposition != disposition::kLeave && context.would_wait(r.card);
  }
  bool operator()(const request::Begin& r) const { return context.would_wait(r.card); }
  bool operator()(const request::Status& r) const { return r.wait && context.would_wait(r.card); }
  bool operator()(const request::Transmit& r) const { return context.would_wait(r.card); }
  template <class Other>
  bool operator()(const Other&) const {
    return false;
  }
};

void wipe_command(Request& request) {
  if (auto* transmit = std::get_if<request::Transmit>(&request)) wipe(transmit->command);
  if (auto* control = std::get_if<request::Control>(&request)) wipe(control->input);
}

/// One connection. The thread that reads answers what can be answered at once; what may wait for other
/// programs goes to a second one, so that the end of the program, or a cancel, is heard meanwhile.
class Served {
 public:
  Served(std::unique_ptr<Transport> transport, const Log& log) : channel_{std::move(transport)}, log_{log} {}
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  ~Served();

  void run(Manager& manager);

 private:
  struct Task {
    Request request;
    std::uint32_t number = 0;
  };

  bool greet(Manager& manager);
  bool take(Frame frame);
  Result<void> answer(Task& task);
  void hand_over(Task task);
  void work();

  Channel channel_;
  const Log& log_;
  std::unique_ptr<Context> context_;
  std::thread second_;
  std::mutex mutex_;
  std::condition_variable handed_;
  std::optional<Task> task_;  // guarded by mutex_
  bool waiting_ = false;      // guarded by mutex_; the second thread has not answered yet
  bool over_ = false;         // guarded by mutex_
};

Served::~Served() {
  {
    const std::lock_guard lock{mutex_};
    over_ = true;
  }
  handed_.notify_all();
  channel_.transport().shut_down();  // before a call that is broken off could be answered
  if (context_) context_->interrupt();
  if (second_.joinable()) second_.join();
}

bool Served::greet(Manager& manager) {
  if (!channel_.transport().set_deadline(kHelloLimit)) return false;
  const auto first = channel_.receive();
  const auto hello = first && first->type == FrameType::hello
                         ? parse_hello(first->payload)
                         : Result<Hello>{fail(Errc::invalid, "no hello")};
  if (!hello) {
    log_("a connection that does not speak the connector's protocol was closed");
    return false;
  }
  if (hello->version != kProtocolVersion) {
    const auto why = "the agent speaks version " + std::to_string(kProtocolVersion) + ", the connector " +
                     std::to_string(hello->version);
    log_("a connector was refused: " + why);
    (void)channel_.send(FrameType::refused, as_bytes(why), 0);
    return false;
  }
  const auto code = manager.establish(hello->scope, context_);
  return channel_.send(FrameType::welcome, encode(Welcome{kProtocolVersion, code}), 0) &&
         code == code::kSuccess && channel_.transport().set_deadline(std::chrono::milliseconds{0});
}

void Served::run(Manager& manager) {
  if (!greet(manager)) return;
  while (true) {
    auto frame = channel_.receive();
    if (!frame && frame.error().code == Errc::invalid) log_("a connector was cut off: " + frame.error().what);
    if (!frame || !take(*std::move(frame))) return;
  }
}

/// False when the connection is of no further use.
bool Served::take(Frame frame) {
  auto request = parse_request(frame);
  if (!request) {
    log_("a connector was cut off: " + request.error().what);
    return false;
  }
  if (const auto* cancel = std::get_if<request::Cancel>(&*request)) {
    context_->cancel(cancel->call);
    return true;
  }
  {
    const std::lock_guard lock{mutex_};
    if (waiting_) {
      log_("a connector was cut off: it did not wait for an answer");
      return false;
    }
  }
  Task task{*std::move(request), frame.number};
  if (!std::visit(MayWait{*context_}, task.request)) return answer(task).has_value();
  hand_over(std::move(task));
  return true;
}

Result<void> Served::answer(Task& task) {
  auto payload = std::visit(Answer{*context_}, task.request);
  wipe_command(task.request);
  {
    // Before the answer is out: the next request may be here sooner than we are back.
    const std::lock_guard lock{mutex_};
    waiting_ = false;
  }
  return channel_.send(FrameType::reply, payload, task.number);
}

void Served::hand_over(Task task) {
  {
    const std::lock_guard lock{mutex_};
    task_ = std::move(task);
    waiting_ = true;
  }
  handed_.notify_all();
  if (!second_.joinable()) second_ = std::thread{[this] { work(); }};
}

void Served::work() {
  std::unique_lock lock{mutex_};
  while (true) {
    handed_.wait(lock, [this] { return over_ || task_; });
    if (over_) return;
    auto task = *std::move(task_);
    task_.reset();
    lock.unlock();
    if (!answer(task)) channel_.transport().shut_down();
    lock.lock();
  }
}

}  // namespace

void serve(Manager& manager, std::unique_ptr<pcsc_link::Transport> transport, const Log& log) {
  Served{std::move(transport), log}.run(manager);
}

}  // namespace cardea::resource
