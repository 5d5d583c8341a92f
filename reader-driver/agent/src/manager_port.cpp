#include "manager_port.h"

#include <utility>

#include "exchange.h"

namespace cardea::agent {

namespace {

class ManagerStay final : public Stay {
 public:
  ManagerStay(std::shared_ptr<resource::Manager> manager, Bytes atr)
      : manager_{std::move(manager)}, exchange_{std::make_shared<Exchange>(std::move(atr))} {
    manager_->insert(exchange_);
  }
  ManagerStay(const ManagerStay&) = delete;
  ManagerStay& operator=(const ManagerStay&) = delete;
  ~ManagerStay() override { take_out(); }

  Result<Request> next() override {
    auto out = exchange_->next();
    if (!out) manager_->remove(exchange_);
    return out;
  }
  bool next_within(std::chrono::milliseconds limit) override { return exchange_->next_within(limit); }
  Result<void> respond(const Request& request, BytesView response) override {
    return exchange_->respond(request.number, response);
  }
  void end() noexcept override { take_out(); }

 private:
  void take_out() noexcept {
    exchange_->close();
    manager_->remove(exchange_);
  }

  const std::shared_ptr<resource::Manager> manager_;
  const std::shared_ptr<Exchange> exchange_;
};

class ManagerPort final : public ReaderPort {
 public:
  explicit ManagerPort(std::shared_ptr<resource::Manager> manager) : manager_{std::move(manager)} {}

  [[nodiscard]] std::string_view kind() const override { return "connector"; }

  Result<std::shared_ptr<Stay>> insert(const Bytes& atr, const std::string& /*label*/) override {
    return std::make_shared<ManagerStay>(manager_, atr);
  }

 private:
  const std::shared_ptr<resource::Manager> manager_;
};

}  // namespace

std::shared_ptr<ReaderPort> make_manager_port(std::shared_ptr<resource::Manager> manager) {
  return std::make_shared<ManagerPort>(std::move(manager));
}

}  // namespace cardea::agent
