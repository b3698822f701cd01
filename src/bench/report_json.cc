#include "bench/report_json.h"

#include <boost/json.hpp>

#include "bench/statistics.h"
#include "bench/targets.h"

namespace ci::bench {

namespace {

namespace json = boost::json;

json::object to_json(const Summary& summary) {
  json::object object;
  object["average"] = summary.average;
  object["p50"] = summary.p50;
  object["p95"] = summary.p95;
  object["p99"] = summary.p99;
  object["min"] = summary.lowest;
  object["max"] = summary.highest;
  return object;
}

json::array to_json(const std::vector<double>& values) {
  json::array array;
  for (const double value : values) array.emplace_back(value);
  return array;
}

json::object to_json(const Measurement& measurement) {
  json::object object;
  object["group"] = measurement.group;
  object["name"] = measurement.name;
  if (!measurement.language.empty()) object["language"] = measurement.language;
  object["clients"] = measurement.clients;
  object["successful"] = measurement.times.size();
  object["errors"] = count_errors(measurement);
  if (const auto cold = count_cold(measurement)) object["cold"] = *cold;
  object["seconds"] = measurement.seconds;
  object["per_second"] = throughput(measurement);
  object["milliseconds"] = to_json(summarize(measurement.times));
  json::object& steps = object["step_medians"].emplace_object();
  for (const auto& [step, times] : measurement.steps) steps[step] = median(times);
  if (!measurement.bare_times.empty()) {
    json::object& bare = object["bare"].emplace_object();
    bare["command"] = measurement.bare_command;
    bare["milliseconds"] = to_json(summarize(measurement.bare_times));
    const double yardstick = median(measurement.bare_times);
    if (yardstick > 0 && !measurement.times.empty()) bare["ratio"] = median(measurement.times) / yardstick;
    bare["samples"] = to_json(measurement.bare_times);
  }
  json::object& errors = object["error_sentences"].emplace_object();
  for (const auto& [sentence, count] : measurement.errors) errors[sentence] = count;
  object["samples"] = to_json(measurement.times);
  return object;
}

json::object to_json(const Machine& machine) {
  json::object object;
  object["system"] = machine.system;
  object["kernel"] = machine.kernel;
  object["processor"] = machine.processor;
  object["processors"] = machine.processors;
  object["memory_gb"] = machine.memory_gb;
  return object;
}

json::object to_json(const Load& load) {
  json::object object;
  object["one_minute"] = load.one_minute;
  object["busy"] = load.busy;
  return object;
}

}  // namespace

std::string json_of(const Report& report) {
  json::object root;
  root["client_version"] = report.client_version;
  root["server_version"] = report.server_version;
  root["base"] = report.base;
  root["own_server"] = report.own_server;
  root["begin"] = report.begin;
  root["end"] = report.end;
  root["interrupted"] = report.interrupted;
  json::object& asked = root["options"].emplace_object();
  asked["count"] = report.count;
  asked["warm_up"] = report.warm_up;
  asked["duration"] = report.duration;
  asked["pause"] = report.pause;
  root["machine"] = to_json(report.machine);
  root["load_before"] = to_json(report.before);
  root["load_after"] = to_json(report.after);
  json::array& measurements = root["measurements"].emplace_array();
  for (const Measurement& each : report.measurements) measurements.emplace_back(to_json(each));
  json::array& figures = root["figures"].emplace_array();
  for (const Figure& each : report.figures) {
    json::object& figure = figures.emplace_back(json::object()).get_object();
    figure["group"] = each.group;
    figure["name"] = each.name;
    figure["value"] = each.value;
    figure["unit"] = each.unit;
    figure["meaning"] = each.meaning;
  }
  json::array& verdicts = root["targets"].emplace_array();
  for (const Verdict& each : judge(report)) {
    json::object& verdict = verdicts.emplace_back(json::object()).get_object();
    verdict["group"] = each.target.group;
    verdict["name"] = each.target.name;
    verdict["quantity"] = name_of(each.target.quantity);
    verdict["limit"] = each.target.limit;
    verdict["measured"] = each.measured;
    verdict["met"] = each.met;
  }
  json::array& skipped = root["skipped"].emplace_array();
  for (const Skipped& each : report.skipped) {
    json::object& entry = skipped.emplace_back(json::object()).get_object();
    entry["name"] = each.name;
    entry["reason"] = each.reason;
  }
  return json::serialize(root) + "\n";
}

}  // namespace ci::bench
