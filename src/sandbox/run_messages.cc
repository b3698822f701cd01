#include "sandbox/run_messages.h"

#include <type_traits>

namespace ci::sandbox {

namespace {

template <class Order, class Field>
  requires std::is_same_v<std::remove_const_t<Order>, StartOrder>
void each_field(Order& order, Field&& field) {
  field(order.time_limit);
  field(order.compile_limit);
  field(order.largest_file);
  field(order.files);
  field(order.largest_product);
  field(order.state);
  field(order.memory);
  field(order.passed);
}

template <class Report, class Field>
  requires std::is_same_v<std::remove_const_t<Report>, RunReport>
void each_field(Report& report, Field&& field) {
  field(report.timed_out);
  field(report.interrupted);
  field(report.out_of_memory);
  field(report.status);
  field(report.wall_time);
  field(report.cpu_time);
  field(report.peak_memory);
  field(report.placing);
  field(report.reaping);
  field(report.while_compiling);
  field(report.compile_time);
  field(report.state_captured);
  field(report.state_unusable);
  field(report.state_note);
  field(report.unplaced);
}

struct WriteField {
  Writer& writer;

  template <class Number>
    requires std::is_arithmetic_v<Number>
  void operator()(Number value) {
    writer.number(value);
  }
  void operator()(bool value) { writer.number<std::uint8_t>(value); }
  void operator()(StateKept value) { writer.number(static_cast<std::uint8_t>(value)); }
  void operator()(const std::string& value) { writer.text(value); }
  void operator()(const std::vector<std::uint32_t>& values) {
    writer.number(static_cast<std::uint32_t>(values.size()));
    for (const std::uint32_t value : values) writer.number(value);
  }
};

struct ReadField {
  Reader& reader;

  template <class Number>
    requires std::is_arithmetic_v<Number>
  void operator()(Number& value) {
    value = reader.number<Number>();
  }
  void operator()(bool& value) { value = reader.number<std::uint8_t>() != 0; }
  void operator()(StateKept& value) {
    const auto number = reader.number<std::uint8_t>();
    if (number > static_cast<std::uint8_t>(StateKept::after_errors))
      throw Failure(FailureKind::internal, "no such way to keep a state");
    value = static_cast<StateKept>(number);
  }
  void operator()(std::string& value) { value = reader.text(); }
  void operator()(std::vector<std::uint32_t>& values) {
    for (auto left = reader.number<std::uint32_t>(); left > 0; --left) values.push_back(reader.number<std::uint32_t>());
  }
};

template <class Message>
std::string write(Tag tag, const Message& message) {
  Writer writer(tag);
  each_field(message, WriteField{writer});
  return writer.bytes();
}

template <class Message>
Message read(Reader& reader) {
  Message message;
  each_field(message, ReadField{reader});
  return message;
}

}  // namespace

std::string start_message(const StartOrder& order) { return write(Tag::start, order); }
StartOrder read_start(Reader& reader) { return read<StartOrder>(reader); }

std::string report_message(const RunReport& report) { return write(Tag::ended, report); }
RunReport read_report(Reader& reader) { return read<RunReport>(reader); }

}  // namespace ci::sandbox
