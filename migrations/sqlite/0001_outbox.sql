CREATE TABLE "_tidemark_migrations" (number INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE "_tidemark_epoch" (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL);
CREATE TABLE "_tidemark_context" (id INTEGER PRIMARY KEY, origin INTEGER, most_changes INTEGER, most_age INTEGER);
CREATE TABLE "_tidemark_let_go" (shape INTEGER, is_taken INTEGER, PRIMARY KEY (shape, is_taken));
CREATE TABLE "_tidemark_shapes" (id INTEGER PRIMARY KEY, name TEXT, columns TEXT, keys TEXT, active INTEGER, life TEXT);
CREATE TABLE "_tidemark_outbox" (id INTEGER PRIMARY KEY AUTOINCREMENT, shape, operation, origin, at, v0);
INSERT INTO "_tidemark_epoch" (id, epoch) VALUES (1, lower(hex(randomblob(16))));
INSERT INTO "_tidemark_context" (id, origin) VALUES (1, NULL);
INSERT INTO "_tidemark_migrations" (number, name) VALUES (1, 'outbox');
