/* unixODBC's own types: SQLWCHAR is one UTF-16 unit. The names that are casts or sums are no constants to Swift. */
#include <sql.h>
#include <sqlext.h>
#include <sqlucode.h>
static const SQLSMALLINT tidemark_c_text = SQL_C_CHAR;
static const SQLSMALLINT tidemark_c_wide = SQL_C_WCHAR;
static const SQLSMALLINT tidemark_c_double = SQL_C_DOUBLE;
static const SQLSMALLINT tidemark_c_float = SQL_C_FLOAT;
static const SQLSMALLINT tidemark_c_bit = SQL_C_BIT;
static const SQLSMALLINT tidemark_c_bytes = SQL_C_BINARY;
static const SQLSMALLINT tidemark_c_date = SQL_C_TYPE_DATE;
static const SQLSMALLINT tidemark_c_moment = SQL_C_TYPE_TIMESTAMP;
static inline SQLRETURN tidemark_set_version(SQLHENV env) {
  return SQLSetEnvAttr(env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
}
static inline SQLRETURN tidemark_set_connection(SQLHDBC connection, SQLINTEGER attribute, SQLULEN value) {
  return SQLSetConnectAttr(connection, attribute, (SQLPOINTER)value, 0);
}
static inline SQLRETURN tidemark_set_statement(SQLHSTMT statement, SQLINTEGER attribute, SQLULEN value) {
  return SQLSetStmtAttr(statement, attribute, (SQLPOINTER)value, 0);
}
