/* What a machine can do: PUT files over pooled connections, with nothing but OpenSSL in between.

       limit PORT CONNECTIONS [CA] < PATHS

   One thread per connection; each takes the next path, one on a line, and sends that file in large blocks. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 20, MOST_CONNECTIONS = 1024 };

struct peer {
    int fd;
    SSL *ssl;
};

static char **paths;
static size_t count;
static atomic_size_t next_path;
static int port;
static SSL_CTX *tls;

static void die(const char *what) {
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void send_all(struct peer *p, const char *bytes, size_t size) {
    while (size) {
        ssize_t sent = p->ssl ? SSL_write(p->ssl, bytes, (int)size) : send(p->fd, bytes, size, 0);
        if (sent <= 0) die("send");
        bytes += sent, size -= (size_t)sent;
    }
}

static struct peer open_peer(void) {
    struct peer p = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    if (connect(p.fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (tls) {
        p.ssl = SSL_new(tls);
        SSL_set_fd(p.ssl, p.fd);
        SSL_set_tlsext_host_name(p.ssl, "localhost");
        SSL_set1_host(p.ssl, "localhost");
        if (SSL_connect(p.ssl) != 1) die("TLS");
    }
    return p;
}

static void put(struct peer *p, const char *path, char *block) {
    int file = open(path, O_RDONLY);
    struct stat about;
    if (file < 0 || fstat(file, &about)) die(path);
    int size = sprintf(block, "PUT /bucket/%s HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: %lld\r\n\r\n",
                       strrchr(path, '/') + 1, port, (long long)about.st_size);
    off_t left = about.st_size;
    if (!p->ssl && left > BLOCK_BYTES) {
        send_all(p, block, (size_t)size);
        while (left) {
            ssize_t sent = sendfile(p->fd, file, NULL, (size_t)left);
            if (sent <= 0) die("sendfile");
            left -= sent;
        }
    }
    /* A small file goes out together with its head. */
    while (left) {
        ssize_t got = read(file, block + size, BLOCK_BYTES);
        if (got <= 0) die("read");
        send_all(p, block, (size_t)(size + got));
        left -= got, size = 0;
    }
    close(file);
    char answer[4096];
    size_t have = 0;
    do {
        ssize_t got = p->ssl ? SSL_read(p->ssl, answer + have, (int)(sizeof answer - 1 - have))
                             : recv(p->fd, answer + have, sizeof answer - 1 - have, 0);
        if (got <= 0) die("receive");
        have += (size_t)got;
        answer[have] = 0;
    } while (!strstr(answer, "\r\n\r\n"));
    if (strncmp(answer, "HTTP/1.1 200", 12)) die("not 200");
}

static void *work(void *unused) {
    char *block = malloc(BLOCK_BYTES + 4096);
    struct peer p = open_peer();
    size_t at;
    while ((at = atomic_fetch_add(&next_path, 1)) < count) put(&p, paths[at], block);
    return unused;
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) return 2;
    port = atoi(argv[1]);
    int connections = atoi(argv[2]);
    if (argc == 4) {
        tls = SSL_CTX_new(TLS_client_method());
        if (SSL_CTX_load_verify_locations(tls, argv[3], NULL) != 1) die("CA");
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    }
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    while ((size = getline(&line, &room, stdin)) > 0) {
        if (line[size - 1] == '\n') line[size - 1] = 0;
        if (!(paths = realloc(paths, (count + 1) * sizeof *paths))) die("realloc");
        paths[count++] = strdup(line);
    }
    pthread_t threads[MOST_CONNECTIONS];
    for (int at = 0; at < connections; at++) pthread_create(&threads[at], NULL, work, NULL);
    for (int at = 0; at < connections; at++) pthread_join(threads[at], NULL);
    return 0;
}
