# A customer service on spyne (SOAP 1.1, document/literal wrapped, every call validated by its schema): what scripts/peers/soap
# starts. Usage: soap-service.py DATABASE PORT
import datetime, sqlite3, sys, threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from spyne import (Application, Array, Boolean, ComplexModel, DateTime, Decimal, Fault, Integer, M,
                   ResourceNotFoundError, ServiceBase, Unicode, rpc)
from spyne.protocol.soap import Soap11
from spyne.server.wsgi import WsgiApplication

NAMESPACE = 'urn:peer:customers'
database = sqlite3.connect(sys.argv[1], check_same_thread=False, isolation_level=None)
database.execute('CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, email TEXT, '
                 'credit TEXT, version INT, changed TEXT, deleted INT DEFAULT 0)')
lock = threading.RLock()
COLUMNS = 'SELECT id, name, email, credit, version, changed, deleted FROM customers '


class Auth(ComplexModel):
    __namespace__ = NAMESPACE
    user = Unicode
    password = Unicode


class Customer(ComplexModel):
    __namespace__ = NAMESPACE
    id = Integer(min_occurs=0)
    name = M(Unicode(max_len=80))
    email = Unicode(nillable=True)
    credit = Decimal(max_str_len=20)
    version = Integer
    changed = DateTime
    deleted = Boolean


class Page(ComplexModel):
    __namespace__ = NAMESPACE
    customers = Array(Customer)
    more = Boolean
    cursor = Unicode


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def shown(row):
    return Customer(id=row[0], name=row[1], email=row[2], credit=row[3], version=row[4],
                    changed=datetime.datetime.fromisoformat(row[5]), deleted=bool(row[6]))


def living(id):
    row = database.execute(COLUMNS + 'WHERE id = ? AND deleted = 0', (int(id or 0),)).fetchone()
    if not row:
        raise ResourceNotFoundError(id)
    return row


def text(number):
    return None if number is None else str(number)


class Customers(ServiceBase):
    __in_header__ = Auth

    @rpc(M(Customer), _returns=Customer)
    def Create(ctx, customer):
        with lock:
            made = database.execute('INSERT INTO customers (name, email, credit, version, changed) VALUES (?, ?, ?, 1, ?)',
                                    (customer.name, customer.email, text(customer.credit), now()))
            return shown(living(made.lastrowid))

    @rpc(M(Customer), _returns=Customer)
    def Update(ctx, customer):
        with lock:
            row = living(customer.id)
            if customer.version is not None and int(customer.version) != row[4]:
                raise Fault('Client.VersionConflict', 'stale version', detail={'currentVersion': str(row[4])})
            database.execute('UPDATE customers SET name = ?, email = ?, credit = ?, version = version + 1, changed = ? '
                             'WHERE id = ?', (customer.name, customer.email, text(customer.credit), now(), row[0]))
            return shown(living(row[0]))

    @rpc(M(Integer), _returns=Boolean)
    def Delete(ctx, id):
        with lock:
            database.execute('UPDATE customers SET deleted = 1, version = version + 1, changed = ? WHERE id = ?',
                             (now(), living(id)[0]))
            return True

    @rpc(M(Integer), _returns=Customer)
    def Get(ctx, id):
        return shown(living(id))

    @rpc(Unicode, Integer, _returns=Page)
    def ChangedSince(ctx, cursor, pageSize):
        size = int(pageSize or 3)
        changed, id = cursor.split('|') if cursor else ('', '0')
        rows = database.execute(COLUMNS + 'WHERE changed > ? OR (changed = ? AND id > ?) ORDER BY changed, id LIMIT ?',
                                (changed, changed, int(id), size + 1)).fetchall()
        page = rows[:size]
        if page:
            cursor = f'{page[-1][5]}|{page[-1][0]}'
        return Page(customers=[shown(row) for row in page], more=len(rows) > size, cursor=cursor)


def authenticate(ctx):
    header = ctx.in_header
    if header is None or header.user != 'sync' or header.password != 's3cret':
        raise Fault('Client.Authentication', 'bad credentials')


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


Customers.event_manager.add_listener('method_call', authenticate)
application = Application([Customers], NAMESPACE, in_protocol=Soap11(validator='lxml'), out_protocol=Soap11())
make_server('127.0.0.1', int(sys.argv[2]), WsgiApplication(application), server_class=Server).serve_forever()
