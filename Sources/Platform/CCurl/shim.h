/* libcurl's setters are variadic, which Swift cannot call: one typed function for each kind of value. */
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>
typedef size_t (*tidemark_data_callback)(char *, size_t, size_t, void *);
static inline CURLcode tidemark_setopt_long(CURL *h, CURLoption o, long v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode tidemark_setopt_pointer(CURL *h, CURLoption o, void *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode tidemark_setopt_string(CURL *h, CURLoption o, const char *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode tidemark_setopt_slist(CURL *h, CURLoption o, struct curl_slist *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode tidemark_setopt_offset(CURL *h, CURLoption o, curl_off_t v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode tidemark_setopt_data(CURL *h, CURLoption o, tidemark_data_callback v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode tidemark_getinfo_long(CURL *h, CURLINFO i, long *v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode tidemark_getinfo_pointer(CURL *h, CURLINFO i, char **v) { return curl_easy_getinfo(h, i, v); }
static inline CURLMcode tidemark_multi_setopt_long(CURLM *m, CURLMoption o, long v) { return curl_multi_setopt(m, o, v); }
static inline CURLcode tidemark_message_result(const CURLMsg *m) { return m->data.result; }
typedef int (*tidemark_prereq_callback)(void *, char *, char *, int, int);
static inline CURLcode tidemark_setopt_prereq(CURL *h, tidemark_prereq_callback v) { return curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, v); }
