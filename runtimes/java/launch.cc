// Java, started ahead: what the `java` command does, with a compiler in front. It makes the machine, has it compile and run a sample, says
// that it is ready, and waits (sandbox/guest/words.h). Then it compiles the program in the same machine and calls its main method as the
// command's own launcher would: from native code, on the thread "main", so that no frame of ours is in any trace.
//
//   launch DIRECTORY_OF_OUR_CLASSES HEAP_MEGABYTES [OPTION OF THE MACHINE]...
//
// The machine's library is opened by name and is not linked: it may be replaced by another version of the same kind.

#include <dlfcn.h>
#include <fcntl.h>
#include <jni.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "languages/java_libraries.h"
#include "wait/protocol.h"

namespace {

constexpr const char* machine = "/usr/lib/jvm/default-java/lib/server/libjvm.so";
constexpr const char* classes = "/tmp/.java";  // compiled classes; first on the class path
// Set while the archive of classes is made, see CMakeLists.txt.
constexpr const char* only_archive = "KUBECODERUN_ARCHIVE";

std::vector<std::string> options;
std::string directory;  // where our classes are
bool awaited;           // somebody waits for this machine

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "runtime: %s\n", what);
  ::_exit(126);
}

// An exception here is a fault of the runtime, not of the user's program.
template <class T>
T check(JNIEnv* env, T value, const char* what) {
  if (env->ExceptionCheck()) {
    env->ExceptionDescribe();
    give_up(what);
  }
  return value;
}

std::string read_file(const std::string& path) {
  std::string content;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char buffer[65536];
  for (ssize_t got; (got = ::read(file, buffer, sizeof buffer)) > 0;) content.append(buffer, static_cast<size_t>(got));
  ::close(file);
  return content;
}

// What the java command makes of CLASSPATH: "directory/*" stands for the jars in there. The working directory is on the path already.
void add_named(std::string& path) {
  const char* named = std::getenv("CLASSPATH");
  std::string_view rest = named != nullptr ? named : "";
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    if (entry.empty() || entry == ".") continue;
    if (!entry.ends_with("/*")) {
      path.append(":").append(entry);
      continue;
    }
    std::error_code ignored;
    std::vector<std::string> jars;
    for (const auto& file : std::filesystem::directory_iterator(entry.substr(0, entry.size() - 2), ignored)) {
      if (file.path().extension() == ".jar") jars.push_back(file.path().string());
    }
    std::sort(jars.begin(), jars.end());
    for (const std::string& jar : jars) path.append(":").append(jar);
  }
}

// The machine opens a jar when it looks for a class that it did not find before. The archive of classes is made without jars: it fits
// every class path that begins like its own.
std::string class_path() {
  std::string path = std::string(classes) + ":/mnt/data";
  if (::getenv(only_archive) != nullptr) return path;
  add_named(path);
  for (const char* library : ci::languages::java_libraries) {
    const std::string jar = std::string("/usr/share/java/") + library + ".jar";
    if (::access(jar.c_str(), R_OK) == 0) path += ':' + jar;
  }
  return path;
}

JavaVM* make_machine(JNIEnv** env) {
  void* library = ::dlopen(machine, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) give_up(::dlerror());
  const auto create = reinterpret_cast<decltype(&JNI_CreateJavaVM)>(::dlsym(library, "JNI_CreateJavaVM"));
  if (create == nullptr) give_up("the Java machine cannot be made");
  std::vector<JavaVMOption> list;
  for (std::string& option : options) list.push_back({option.data(), nullptr});
  JavaVMInitArgs arguments{JNI_VERSION_10, static_cast<jint>(list.size()), list.data(), JNI_FALSE};
  JavaVM* vm;
  if (create(&vm, reinterpret_cast<void**>(env), &arguments) != JNI_OK) give_up("the Java machine cannot be made");
  return vm;
}

// The launcher's own search for the main method, with its messages; it ends the process when there is none.
jclass load_main(JNIEnv* env, jstring name) {
  const jclass helper = check(env, env->FindClass("sun/launcher/LauncherHelper"), "looking for the launcher");
  const jmethodID load = check(
      env, env->GetStaticMethodID(helper, "checkAndLoadMain", "(ZILjava/lang/String;)Ljava/lang/Class;"),
      "the launcher");
  constexpr jint by_class_name = 1;
  return static_cast<jclass>(
      check(env, env->CallStaticObjectMethod(helper, load, JNI_TRUE, by_class_name, name), "loading the program"));
}

// True when the program's main method ended by itself. An exception stays pending: leaving the thread prints it.
bool compile_and_run(JNIEnv* env, jclass ahead) {
  const runtimes::Words words = runtimes::wait_for_go();
  const jmethodID compile = check(env, env->GetStaticMethodID(ahead, "compile", "()Ljava/lang/String;"), "compiling");
  const auto name = static_cast<jstring>(check(env, env->CallStaticObjectMethod(ahead, compile), "compiling"));
  if (name == nullptr) return false;
  runtimes::say_compiled();
  runtimes::part();

  const jclass program = load_main(env, name);
  const auto length = static_cast<jsize>(words.size);
  const jbyteArray bytes = check(env, env->NewByteArray(length), "passing the arguments");
  env->SetByteArrayRegion(bytes, 0, length, reinterpret_cast<const jbyte*>(words.text));
  const jmethodID take = check(
      env, env->GetStaticMethodID(ahead, "arguments", "(Ljava/lang/String;[B)[Ljava/lang/String;"),
      "passing the arguments");
  const auto arguments = check(env, env->CallStaticObjectMethod(ahead, take, name, bytes), "passing the arguments");
  // Finding the method runs the program's static initializers.
  const jmethodID main = env->GetStaticMethodID(program, "main", "([Ljava/lang/String;)V");
  if (main != nullptr) env->CallStaticVoidMethod(program, main, arguments);
  return !env->ExceptionCheck();
}

void* run(void*) {
  JNIEnv* env;
  JavaVM* vm = make_machine(&env);
  const jclass loaders = env->FindClass("java/lang/ClassLoader");
  const jmethodID system = env->GetStaticMethodID(loaders, "getSystemClassLoader", "()Ljava/lang/ClassLoader;");
  const jobject loader = check(env, env->CallStaticObjectMethod(loaders, system), "finding the class loader");
  // Not by the class path, whose first directory is the program's.
  jclass ahead = nullptr;
  for (const char* name : {"Outline", "Outline$Type", "Ahead$Source", "Ahead"}) {
    const std::string code = read_file(directory + "/" + name + ".class");
    const auto* bytes = reinterpret_cast<const jbyte*>(code.data());
    ahead = check(env, env->DefineClass(name, loader, bytes, static_cast<jsize>(code.size())), "loading the compiler");
  }
  const jmethodID prepare = check(env, env->GetStaticMethodID(ahead, "prepare", "(Z)V"), "preparing");
  env->CallStaticVoidMethod(ahead, prepare, awaited ? JNI_FALSE : JNI_TRUE);
  check(env, 0, "preparing");
  const bool good = ::getenv(only_archive) != nullptr || compile_and_run(env, ahead);
  // What the java command does at its end: an uncaught exception is printed by its thread's handler, then the other threads
  // that are no daemons are waited for, and hooks run.
  vm->DetachCurrentThread();
  vm->DestroyJavaVM();
  ::_exit(good ? 0 : 1);
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) give_up("launch DIRECTORY HEAP_MEGABYTES [OPTION]...");
  directory = words[1];
  awaited = runtimes::is_awaited();
  options = {
      "-Djava.class.path=" + class_path(), "-Xmx" + std::string(words[2]) + "m",
      // One collector thread. A small heap that grows when it must, because each waiting machine pays for its own.
      "-XX:+UseSerialGC", "-Xms8m", "-XX:MinHeapFreeRatio=10", "-XX:MaxHeapFreeRatio=20",
      // The optimizing compiler is for programs that run long. At its usual thresholds it is busy with javac while a short one waits.
      "-XX:Tier4InvocationThreshold=50000", "-XX:Tier4MinInvocationThreshold=6000", "-XX:Tier4CompileThreshold=150000",
      "-XX:Tier4BackEdgeThreshold=400000",
      "-XX:-UsePerfData",  // no files in /tmp
      "-Dsun.java.launcher=SUN_STANDARD",
      // An archive that does not fit, because Java was replaced since, is left alone; nobody needs to hear of it.
      "-Xshare:auto", "-Xlog:cds*=off"};
  for (int i = 3; i < count; ++i) options.emplace_back(words[i]);
  if (::getenv(only_archive) == nullptr) ::mkdir(classes, 0700);
  // Not the first thread, whose stack grows in a way that the machine cannot guard. The size is what java gives to main.
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, 1 << 20);
  pthread_t thread;
  if (::pthread_create(&thread, &attributes, run, nullptr) != 0) give_up("cannot start a thread");
  ::pthread_join(thread, nullptr);
}
