#pragma once
// Figures for Prometheus: counters and histograms that are counted where something happens, and gauges that are asked
// for when somebody looks. I/O thread only, so counting is an addition to a number and nothing else.
//
// The text is version 0.0.4 of Prometheus' exposition format, or OpenMetrics 1.0 (which knows exemplars):
// https://prometheus.io/docs/instrumenting/exposition_formats/, https://github.com/prometheus/OpenMetrics.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ci::metrics {

// A value for each label of a family, in the order of its label names.
using LabelValues = std::vector<std::string>;

// What all families have in common. A family has no more than so many different label values: what comes beyond counts
// under "other", so that a client cannot make our memory grow, nor that of who scrapes.
inline constexpr std::size_t most_series = 512;

struct Description {
  Description(std::string metric, std::string what, std::vector<std::string> label_names)
      : name(std::move(metric)), help(std::move(what)), labels(std::move(label_names)) {}
  std::string name;  // without "_total"
  std::string help;
  std::vector<std::string> labels;
};

class Counter {
 public:
  explicit Counter(Description description) : description_(std::move(description)) {}
  void add(const LabelValues& values, double by = 1);
  double value(const LabelValues& values) const;

 private:
  friend class Writer;
  Description description_;
  std::map<LabelValues, double> series_;
};

class Histogram {
 public:
  Histogram(Description description, std::vector<double> bounds)
      : description_(std::move(description)), bounds_(std::move(bounds)) {}
  // `trace`: of a request that had this value, to find an example by; empty: none.
  void observe(const LabelValues& values, double value, std::string_view trace = {});

  struct Series {
    std::vector<std::uint64_t> counts;  // of each bucket alone; the last has no bound
    double sum = 0;
    struct Exemplar {
      std::string trace;
      double value = 0;
      std::chrono::system_clock::time_point time;
    };
    std::vector<Exemplar> exemplars;  // the newest of each bucket
  };
  // The value below which `part` (0 to 1) of all observations with these values are, interpolated inside its bucket.
  double quantile(const LabelValues& values, double part) const;

 private:
  friend class Writer;
  Description description_;
  std::vector<double> bounds_;
  std::map<LabelValues, Series> series_;
};

// Says a gauge's values when somebody looks.
using Emit = std::function<void(LabelValues values, double value)>;
using Look = std::function<void(const Emit&)>;

enum class Format { prometheus, openmetrics };
std::string_view content_type(Format format);

class Registry {
 public:
  // The family lives as long as the registry. A name is used once.
  Counter& counter(std::string name, std::string help, std::vector<std::string> labels);
  Histogram& latency(std::string name, std::string help, std::vector<std::string> labels);
  Histogram& size(std::string name, std::string help, std::vector<std::string> labels);
  void gauge(std::string name, std::string help, std::vector<std::string> labels, Look look);
  // A counter that somebody else keeps: it only ever grows.
  void counter_of(std::string name, std::string help, std::vector<std::string> labels, Look look);

  std::string text(Format format) const;

 private:
  struct Watched {
    Description description;
    bool counts = false;
    Look look;
  };
  void claim(const std::string& name);

  std::vector<std::string> names_;
  std::vector<std::unique_ptr<Counter>> counters_;
  std::vector<std::unique_ptr<Histogram>> histograms_;
  std::vector<Watched> watched_;
};

}  // namespace ci::metrics
