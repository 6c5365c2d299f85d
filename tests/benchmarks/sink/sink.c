/* A server that takes HTTP/1.1 PUTs and throws the bodies away, as fast as it can.

       sink RTT_MS [CERTIFICATE KEY]

   prints its port on 127.0.0.1 and serves until its standard input ends. GET answers as many upload URLs as the query's
   `count` says, and POST, as of a folder, as many as that of its JSON. Each line on standard input is answered with `PUTS BYTES CPU_SECONDS`, totals so far.

   Everything sent leaves one round trip late; what a connection gets first, two, since it would not be open sooner. */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, BLOCK_BYTES = 1 << 20, READ_AHEAD = 1 << 18 };

struct connection {
    int fd, used;
    SSL *ssl;
    size_t head;
    long long body;
    char buffer[HEAD_BYTES + 1];
};

struct flight {
    struct flight *next, *before;
    struct connection *to;
    int64_t due;
    size_t size;
    char bytes[];
};

static struct flight *first, *last;
static int64_t rtt;
static int timer, port;
static SSL_CTX *tls;
static long long puts_taken, bytes_taken, urls;
static char block[BLOCK_BYTES];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void unlink_flight(struct flight *f) {
    *(f->before ? &f->before->next : &first) = f->next;
    *(f->next ? &f->next->before : &last) = f->before;
    free(f);
}

static void set_timer(void) {
    struct itimerspec at = {0};
    if (first) {
        at.it_value.tv_sec = first->due / 1000000000;
        at.it_value.tv_nsec = first->due % 1000000000;
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Answers fit into the socket's buffer, so a short write is a broken benchmark. */
static void put_on_wire(struct connection *c, const char *bytes, size_t size) {
    if (send(c->fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) shutdown(c->fd, SHUT_RDWR);
}

static void delay(struct connection *c, const char *bytes, size_t size) {
    int64_t due = now() + (c->used ? rtt : 2 * rtt);
    c->used = 1;
    if (!rtt) {
        put_on_wire(c, bytes, size);
        return;
    }
    struct flight *f = malloc(sizeof *f + size), *at = last;
    if (!f) die("malloc");
    memcpy(f->bytes, bytes, size);
    f->to = c, f->due = due, f->size = size;
    while (at && at->due > due) at = at->before;
    f->before = at;
    f->next = at ? at->next : first;
    *(f->before ? &f->before->next : &first) = f;
    *(f->next ? &f->next->before : &last) = f;
    if (first == f) set_timer();
}

static void deliver(void) {
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) die("timer");
    while (first && first->due <= now()) {
        put_on_wire(first->to, first->bytes, first->size);
        unlink_flight(first);
    }
    set_timer();
}

static void send_off(struct connection *c, const char *bytes, size_t size) {
    if (!c->ssl) {
        if (size) delay(c, bytes, size);
        return;
    }
    if (size) SSL_write(c->ssl, bytes, (int)size);
    char *sealed;
    long length = BIO_get_mem_data(SSL_get_wbio(c->ssl), &sealed);
    if (length > 0) {
        delay(c, sealed, (size_t)length);
        BIO_reset(SSL_get_wbio(c->ssl));
    }
}

static void answer_urls(struct connection *c, int count) {
    static char body[BLOCK_BYTES], all[BLOCK_BYTES + 256];
    size_t size = (size_t)sprintf(body, "{\"results\":[");
    for (int at = 0; at < count && size < sizeof body - 512; at++) {
        long long n = urls++;
        size += (size_t)sprintf(body + size,
            "%s{\"itemUuid\":\"00000000-0000-4000-8000-%012lld\",\"objectKey\":\"key-%lld\","
            "\"signedUrl\":\"%s://localhost:%d/bucket/%lld?signature=none\",\"uploadHeaders\":{}}",
            at ? "," : "", n, n, c->ssl ? "https" : "http", port, n);
    }
    size += (size_t)sprintf(body + size, "]}");
    int length = sprintf(all, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", size, body);
    send_off(c, all, (size_t)length);
}

static int is_post(struct connection *c) {
    return strncmp(c->buffer, "POST ", 5) == 0;
}

static void answer(struct connection *c) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char *count;
    if (strncmp(c->buffer, "GET ", 4) == 0) {
        count = strstr(c->buffer, "count=");
        answer_urls(c, count ? atoi(count + 6) : 0);
    } else if (is_post(c)) {
        count = strstr(c->buffer + strlen(c->buffer) + 2, "\"count\":");
        answer_urls(c, count ? atoi(count + 8) : 0);
    } else {
        puts_taken++;
        send_off(c, ok, sizeof ok - 1);
    }
    c->head = 0;
}

/* Take what came: the rest of a body first, then heads. Returns -1 for what is not HTTP. */
static int take(struct connection *c, const char *bytes, size_t size) {
    while (size) {
        if (c->body) {
            size_t part = size < (size_t)c->body ? size : (size_t)c->body;
            if (is_post(c)) {
                if (part >= HEAD_BYTES - c->head) return -1;
                memcpy(c->buffer + c->head, bytes, part);
                c->buffer[c->head += part] = 0;
            } else {
                bytes_taken += (long long)part;
            }
            bytes += part, size -= part, c->body -= (long long)part;
        } else {
            size_t part = size < HEAD_BYTES - c->head ? size : HEAD_BYTES - c->head, had = c->head;
            if (!part) return -1;
            memcpy(c->buffer + had, bytes, part);
            c->buffer[had + part] = 0;
            char *end = strstr(c->buffer + (had > 3 ? had - 3 : 0), "\r\n\r\n");
            if (!end) {
                c->head += part;
                return 0;
            }
            size_t used = (size_t)(end + 4 - c->buffer) - had;
            end[2] = 0;
            char *length = strcasestr(c->buffer, "\r\ncontent-length:");
            c->body = length ? atoll(length + 17) : 0;
            c->head = had + used;
            bytes += used, size -= used;
        }
        if (!c->body && c->head) answer(c);
    }
    return 0;
}

/* Returns -1 at the connection's end. */
static int receive_plain(struct connection *c) {
    /* A file's bytes need not even be copied. */
    int flags = c->body && !is_post(c) ? MSG_TRUNC : 0;
    size_t most = flags && c->body < BLOCK_BYTES ? (size_t)c->body : BLOCK_BYTES;
    ssize_t size = recv(c->fd, block, most, flags);
    return size > 0 ? take(c, block, (size_t)size) : size < 0 && errno == EAGAIN ? 0 : -1;
}

static int receive_tls(struct connection *c) {
    for (;;) {
        int size = SSL_read(c->ssl, block, BLOCK_BYTES);
        if (size > 0) {
            if (take(c, block, (size_t)size)) return -1;
            continue;
        }
        int error = SSL_get_error(c->ssl, size);
        ERR_clear_error();
        send_off(c, NULL, 0);
        return error == SSL_ERROR_WANT_READ ? 0 : -1;
    }
}

static void drop(struct connection *c) {
    for (struct flight *f = first, *next; f; f = next) {
        next = f->next;
        if (f->to == c) unlink_flight(f);
    }
    if (c->ssl) SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

static void watch(int epoll, int fd, void *data) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
}

static void welcome(int epoll, int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        if (!c) die("calloc");
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (tls) {
            c->ssl = SSL_new(tls);
            SSL_set_accept_state(c->ssl);
            SSL_set_bio(c->ssl, BIO_new_socket(fd, BIO_NOCLOSE), BIO_new(BIO_s_mem()));
        }
        watch(epoll, fd, c);
    }
}

static void use_tls(const char *certificate, const char *key) {
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, READ_AHEAD);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}

static void report(void) {
    char line[64];
    if (read(0, line, sizeof line) <= 0) exit(0);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%lld %lld %.6f\n", puts_taken, bytes_taken,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 4) return 2;
    rtt = (int64_t)(atof(argv[1]) * 1e6);
    if (argc == 4) use_tls(argv[2], argv[3]);
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024) ||
        getsockname(listener, (struct sockaddr *)&address, &length))
        die("listen");
    port = ntohs(address.sin_port);
    printf("%d\n", port);
    fflush(stdout);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    int epoll = epoll_create1(0);
    watch(epoll, 0, &puts_taken);
    watch(epoll, listener, &port);
    watch(epoll, timer, &timer);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, -1);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int at = 0; at < count; at++) {
            void *what = events[at].data.ptr;
            if (what == &puts_taken) report();
            else if (what == &port) welcome(epoll, listener);
            else if (what == &timer) deliver();
            else if ((tls ? receive_tls : receive_plain)(what)) drop(what);
        }
    }
}
