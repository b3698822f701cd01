#pragma once
// Trying out in child processes what a sandbox needs of the kernel: the caller must be single-threaded. Each attempt throws what it
// fails with, and changes the process that makes it.

#include <functional>
#include <string>

namespace ci::app {

// Runs `attempt` in a child process. An empty text is success, else the reason.
std::string try_in_child(const std::function<void()>& attempt);

// A user namespace in which we are root, with these (CLONE_NEW…) below it.
void enter_user_namespace(int more_namespaces);
// A /proc of a pid namespace of our own.
void mount_fresh_proc();
// Ids that are not ours in a child's user namespace, as sandboxd maps them.
void map_foreign_ids();

}  // namespace ci::app
