#pragma once
// Removing all that others have left in a directory, who may have meant to make that hard.

namespace ci::os {

// Everything in the open directory `top`, but not itself: trees of any depth, directories that nobody may enter. Follows no link. False
// when something is left, since it is another user's or somebody goes on making more.
bool empty_directory(int top);

}  // namespace ci::os
