/** The program's version; a test keeps it equal to package.json, which an installed program does not bring. */
export const VERSION = '0.1.0';
