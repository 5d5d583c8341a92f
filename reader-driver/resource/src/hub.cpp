#include "hub.h"

#include <algorithm>

namespace cardea::resource {

namespace {

std::string two_digits(std::size_t number) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  return {kHex[(number >> 4U) & 0xFU], kHex[number & 0xFU]};
}

/// As pcscd counts the slots of one reader; after 256 of them, of the next.
std::string name_of(const std::string& name, std::size_t number) {
  return name + ' ' + two_digits(number >> 8U) + ' ' + two_digits(number);
}

}  // namespace

Hub::Hub(Options options) : options_{std::move(options)} {
  readers.push_back(std::make_unique<Reader>(name_of(options_.name, 0)));
}

Reader& Hub::first_empty() {
  for (const auto& reader : readers) {
    if (!reader->card) return *reader;
  }
  readers.push_back(std::make_unique<Reader>(name_of(options_.name, readers.size())));
  return *readers.back();
}

std::string Hub::insert(std::shared_ptr<CardPort> card) {
  // Before anybody sees it: whoever connects finds it reset.
  (void)card->power(Power::on);
  const Lock lock{mutex};
  auto& reader = first_empty();
  reader.insert(std::move(card), Clock::now());
  idle_.notify_all();
  changed();
  return reader.name;
}

void Hub::remove(const std::shared_ptr<CardPort>& card) {
  const Lock lock{mutex};
  const auto at = std::ranges::find_if(readers, [&](const auto& reader) { return reader->card == card; });
  if (!card || at == readers.end()) return;
  (*at)->remove();
  turn_over();
  changed();
}

void Hub::close() {
  const Lock lock{mutex};
  closed = true;
  changes.notify_all();
  turns.notify_all();
}

Reader* Hub::find(const std::string& name) {
  const auto at = std::ranges::find_if(readers, [&](const auto& reader) { return reader->name == name; });
  return at == readers.end() ? nullptr : at->get();
}

pcsc_link::ReaderList Hub::list() const {
  pcsc_link::ReaderList out{generation, {}};
  for (const auto& reader : readers)
    out.readers.push_back(reader->record());
  return out;
}

void Hub::changed() {
  ++generation;
  changes.notify_all();
  idle_.notify_all();
}

bool Hub::would_wait(const Reader& reader, const Connection* connection) const {
  return !reader.free_for(connection) || (!reader.queue.empty() && reader.owner == nullptr);
}

void Hub::await_turn(Lock& lock, Reader& reader, const Connection* connection,
                     const std::function<bool()>& stop) {
  if (!would_wait(reader, connection)) return;
  const Ticket ticket;
  const auto place = reader.queue.insert(reader.queue.end(), &ticket);
  turns.wait(lock, [&] {
    const bool told = connection != nullptr && connection->event != Connection::Event::none;
    return told || stop() || (reader.queue.front() == &ticket && reader.free_for(connection));
  });
  reader.queue.erase(place);
  turn_over();
}

void Hub::watch_idle_cards(const std::stop_token& stop) {
  Lock lock{mutex};
  while (!stop.stop_requested()) {
    std::optional<Clock::time_point> next;
    Reader* idle = nullptr;
    for (const auto& reader : readers) {
      if (!reader->idle_since) continue;
      const auto deadline = *reader->idle_since + options_.idle_limit;
      if (!next || deadline < *next) {
        next = deadline;
        idle = reader.get();
      }
    }
    const auto seen = generation;
    const auto news = [&] { return generation != seen; };
    if (!next) {
      idle_.wait(lock, stop, news);
    } else if (!idle_.wait_until(lock, stop, *next, news) && !stop.stop_requested()) {
      lock.unlock();
      put_to_sleep(*idle, *next);
      lock.lock();
    }
  }
}

/// Unless somebody has come meanwhile.
void Hub::put_to_sleep(Reader& reader, Clock::time_point deadline) {
  const std::lock_guard busy{reader.in_use};
  Lock lock{mutex};
  if (!reader.card || !reader.idle_since || *reader.idle_since + options_.idle_limit > deadline) return;
  const auto card = reader.card;
  lock.unlock();
  (void)card->power(Power::off);
  lock.lock();
  if (reader.card != card) return;
  reader.put_to_sleep();
  changed();
}

}  // namespace cardea::resource
