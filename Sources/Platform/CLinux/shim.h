/* What Swift's Glibc module leaves out. */
#include <glob.h>
#include <iconv.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
/* Feature macros decide whether the headers declare these. */
#define TIDEMARK_RENAME_NOREPLACE 1u
#define TIDEMARK_RENAME_EXCHANGE 2u
int renameat2(int, const char *, int, const char *, unsigned int);
