#define MINE 5
