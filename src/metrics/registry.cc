#include "metrics/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/failure.h"
#include "metrics/buckets.h"

namespace ci::metrics {

namespace {

// The values themselves while there is room for them, else one series for all that have none.
template <class Series>
const LabelValues& admitted(
    const std::map<LabelValues, Series>& series, const LabelValues& values, LabelValues& other) {
  if (series.size() < most_series || series.contains(values)) return values;
  other.assign(values.size(), "other");
  return other;
}

std::string escaped(std::string_view text, bool quotes) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\\\";
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '"' && quotes) {
      result += "\\\"";
    } else {
      result += c;
    }
  }
  return result;
}

std::string number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (std::isnan(value)) return "NaN";
  return fmt::format("{}", value);
}

double seconds_of(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

// Writes families in one of the formats.
class Writer {
 public:
  explicit Writer(Format format) : format_(format) {}

  void write(const Counter& counter) {
    head(counter.description_, "counter");
    for (const auto& [values, value] : counter.series_) {
      sample(counter.description_, "_total", values, {}, value);
    }
  }

  void write(const Histogram& histogram) {
    head(histogram.description_, "histogram");
    for (const auto& [values, series] : histogram.series_) {
      std::uint64_t below = 0;
      for (size_t i = 0; i < series.counts.size(); ++i) {
        below += series.counts[i];
        const double bound = i < histogram.bounds_.size() ? histogram.bounds_[i] : HUGE_VAL;
        sample(
            histogram.description_, "_bucket", values, fmt::format("le=\"{}\"", bound_text(bound)),
            static_cast<double>(below), &series.exemplars[i]);
      }
      sample(histogram.description_, "_sum", values, {}, series.sum);
      sample(histogram.description_, "_count", values, {}, static_cast<double>(below));
    }
  }

  void write(const Description& description, bool counts, const Look& look) {
    head(description, counts ? "counter" : "gauge");
    look([&](LabelValues values, double value) { sample(description, counts ? "_total" : "", values, {}, value); });
  }

  std::string finish() {
    if (format_ == Format::openmetrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  // OpenMetrics wants the bounds of buckets to be floating point numbers in their canonical form.
  std::string bound_text(double bound) const {
    if (std::isinf(bound)) return "+Inf";
    std::string text = fmt::format("{}", bound);
    if (format_ == Format::openmetrics && text.find_first_of(".e") == text.npos) text += ".0";
    return text;
  }

  void head(const Description& description, const char* type) {
    // The older format calls a counter's family as its sample.
    const char* suffix = format_ == Format::prometheus && std::string_view(type) == "counter" ? "_total" : "";
    fmt::format_to(
        std::back_inserter(text_), "# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", description.name, suffix,
        escaped(description.help, format_ == Format::openmetrics), type);
  }

  void sample(
      const Description& description, const char* suffix, const LabelValues& values, const std::string& more,
      double value, const Histogram::Series::Exemplar* exemplar = nullptr) {
    text_ += description.name;
    text_ += suffix;
    std::string labels = more;
    for (size_t i = 0; i < values.size(); ++i) {
      labels = fmt::format(
          "{}{}{}=\"{}\"", labels, labels.empty() ? "" : ",", description.labels[i], escaped(values[i], true));
    }
    if (!labels.empty()) text_ += "{" + labels + "}";
    text_ += " " + number(value);
    if (format_ == Format::openmetrics && exemplar != nullptr && !exemplar->trace.empty()) {
      fmt::format_to(
          std::back_inserter(text_), " # {{trace_id=\"{}\"}} {} {:.3f}", escaped(exemplar->trace, true),
          number(exemplar->value), seconds_of(exemplar->time));
    }
    text_ += '\n';
  }

  Format format_;
  std::string text_;
};

void Counter::add(const LabelValues& values, double by) {
  CHECK(values.size() == description_.labels.size());
  LabelValues other;
  series_[admitted(series_, values, other)] += by;
}

double Counter::value(const LabelValues& values) const {
  const auto found = series_.find(values);
  return found == series_.end() ? 0 : found->second;
}

void Histogram::observe(const LabelValues& values, double value, std::string_view trace) {
  CHECK(values.size() == description_.labels.size());
  LabelValues other;
  Series& series = series_[admitted(series_, values, other)];
  if (series.counts.empty()) {
    series.counts.resize(bounds_.size() + 1);
    series.exemplars.resize(bounds_.size() + 1);
  }
  const std::size_t bucket = bucket_of(bounds_, value);
  ++series.counts[bucket];
  series.sum += value;
  if (trace.empty()) return;
  Series::Exemplar& exemplar = series.exemplars[bucket];
  exemplar.trace = trace;
  exemplar.value = value;
  exemplar.time = std::chrono::system_clock::now();
}

double Histogram::quantile(const LabelValues& values, double part) const {
  const auto found = series_.find(values);
  if (found == series_.end()) return 0;
  return metrics::quantile(bounds_, found->second.counts, part);
}

std::string_view content_type(Format format) {
  if (format == Format::openmetrics) return "application/openmetrics-text; version=1.0.0; charset=utf-8";
  return "text/plain; version=0.0.4; charset=utf-8";
}

void Registry::claim(const std::string& name) {
  CHECK(std::ranges::find(names_, name) == names_.end());
  names_.push_back(name);
}

Counter& Registry::counter(std::string name, std::string help, std::vector<std::string> labels) {
  claim(name);
  counters_.push_back(std::make_unique<Counter>(Description(std::move(name), std::move(help), std::move(labels))));
  return *counters_.back();
}

Histogram& Registry::latency(std::string name, std::string help, std::vector<std::string> labels) {
  claim(name);
  histograms_.push_back(std::make_unique<Histogram>(
      Description(std::move(name), std::move(help), std::move(labels)),
      std::vector<double>(latency_bounds.begin(), latency_bounds.end())));
  return *histograms_.back();
}

Histogram& Registry::size(std::string name, std::string help, std::vector<std::string> labels) {
  claim(name);
  histograms_.push_back(std::make_unique<Histogram>(
      Description(std::move(name), std::move(help), std::move(labels)),
      std::vector<double>(size_bounds.begin(), size_bounds.end())));
  return *histograms_.back();
}

void Registry::gauge(std::string name, std::string help, std::vector<std::string> labels, Look look) {
  claim(name);
  watched_.push_back(Watched{Description(std::move(name), std::move(help), std::move(labels)), false, std::move(look)});
}

void Registry::counter_of(std::string name, std::string help, std::vector<std::string> labels, Look look) {
  claim(name);
  watched_.push_back(Watched{Description(std::move(name), std::move(help), std::move(labels)), true, std::move(look)});
}

std::string Registry::text(Format format) const {
  Writer writer(format);
  for (const auto& counter : counters_) writer.write(*counter);
  for (const auto& histogram : histograms_) writer.write(*histogram);
  for (const Watched& watched : watched_) writer.write(watched.description, watched.counts, watched.look);
  return writer.finish();
}

}  // namespace ci::metrics
