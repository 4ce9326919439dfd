import { serveSqlite } from './sqlSqliteServe.ts';

serveSqlite();
