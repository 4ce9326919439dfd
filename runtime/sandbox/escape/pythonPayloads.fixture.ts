import type { Place } from './canaries.fixture.ts';

export type PythonPayload = { family: string; source: string };

/** What reaches a canary in a Python of the system, told by what it returns or leaves. */
export function pythonGoals({ file, mark, port, name }: Place): string[] {
  const path = JSON.stringify(file);
  return [
    `return open(${path}).read()`,
    `import os\nreturn os.environ[${JSON.stringify(name)}]`,
    `import subprocess, sys\nreturn subprocess.check_output(["cat", ${path}]).decode()`,
    `open(${JSON.stringify(mark)}, "w").write("x")`,
    `import socket\nsocket.create_connection(("127.0.0.1", ${port}), 2).close()`,
  ];
}

const FILES = (file: string, folder: string) => {
  const path = JSON.stringify(file);
  return [
    `import io\nreturn io.open(${path}).read()`,
    `import io\nreturn io.FileIO(${path}).read().decode()`,
    `import _io\nreturn _io.open_code(${path}).read().decode()`,
    `import os\nreturn os.read(os.open(${path}, os.O_RDONLY), 1000).decode()`,
    `import pathlib\nreturn pathlib.Path(${path}).read_text()`,
    `import os\nreturn os.listdir(${JSON.stringify(folder)})`,
    `import os\nreturn [p for p in os.walk("/") if "canary" in str(p)]`,
    `import linecache\nreturn linecache.getlines(${path})`,
    `import tokenize\nreturn tokenize.open(${path}).read()`,
    `import codecs\nreturn codecs.open(${path}).read()`,
    `import fileinput\nreturn list(fileinput.input(${path}))`,
    `import shutil\nshutil.copy(${path}, "/tmp/x")\nreturn open("/tmp/x").read()`,
    `import runpy\nreturn str(runpy.run_path(${path}))`,
    `import importlib.util\nspec = importlib.util.spec_from_file_location("x", ${path})\nreturn spec.loader.get_data(${path}).decode()`,
    `import importlib.machinery\nreturn importlib.machinery.SourceFileLoader("x", ${path}).get_source("x")`,
    `import urllib.request\nreturn urllib.request.urlopen("file://" + ${path}).read().decode()`,
    `import mmap, os\nreturn mmap.mmap(os.open(${path}, os.O_RDONLY), 0, prot=mmap.PROT_READ)[:].decode()`,
    `import os\nos.symlink(${path}, "/tmp/link")\nreturn open("/tmp/link").read()`,
    `import os\nos.link(${path}, "/tmp/link")\nreturn open("/tmp/link").read()`,
    `import os\nos.chdir(${JSON.stringify(folder)})\nreturn open("secret.txt").read()`,
    `import os\nos.chroot(${JSON.stringify(folder)})\nreturn open("/secret.txt").read()`,
    `import glob\nreturn [open(f).read() for f in glob.glob(${JSON.stringify(`${folder}/*`)})]`,
    `return open("/proc/self/root" + ${path}).read()`,
    `return open("/proc/self/cwd/../../../.." + ${path}).read()`,
    `return open("/proc/1/root" + ${path}).read()`,
    `import os\nreturn [os.listdir(p) for p in ("/proc", "/dev", "/home", "/lib", "/tmp")]`,
    `return [open("/dev/fd/%d" % n).read() for n in range(3, 5)]`,
    `import os\nreturn [os.read(n, 100) for n in range(3, 64)]`,
    `import zipfile\nreturn zipfile.ZipFile(${path}).namelist()`,
    `import sqlite3\nreturn str(sqlite3.connect(${path}).execute("select 1").fetchall())`,
    `import dbm.dumb\nreturn str(dbm.dumb.open(${path}).keys())`,
    `import configparser\nc = configparser.ConfigParser()\nreturn c.read(${path})`,
    `import netrc\nreturn str(netrc.netrc(${path}).hosts)`,
    `import mailbox\nreturn str(list(mailbox.mbox(${path})))`,
    `import http.server, os\nreturn os.fdopen(os.open(${path}, 0)).read()`,
    `exec(compile(open(${path}).read(), "x", "exec"))`,
    `return eval("open(" + repr(${path}) + ").read()")`,
    `return __builtins__["open"](${path}).read() if isinstance(__builtins__, dict) else __builtins__.open(${path}).read()`,
    `return getattr(__import__("builtins"), "op" + "en")(${path}).read()`,
    `import posix\nreturn posix.read(posix.open(${path}, 0), 100).decode()`,
    `import os\nreturn os.stat(${path}).st_size`,
    `import os\nreturn os.path.realpath(${path}) if os.path.exists(${path}) else 0`,
    `import tarfile\ntarfile.open("/tmp/t", "w").add(${path})\nreturn open("/tmp/t", "rb").read().decode("latin1")`,
    `import os\nreturn os.sendfile(1, os.open(${path}, 0), 0, 100)`,
    `import faulthandler\nfaulthandler.enable(open(${path}))`,
    `class P:\n  def __fspath__(self): return ${path}\nreturn open(P()).read()`,
    `return open(b"" + ${path}.encode()).read()`,
    `return open("/tmp/../" + ${path}).read()`,
    `return open("//" + ${path}).read()`,
  ];
};

const ENVIRONMENT = (name: string) => {
  const text = JSON.stringify(name);
  return [
    `import os\nreturn os.getenv(${text})`,
    'import os\nreturn dict(os.environ)',
    'import posix\nreturn {k.decode(): v.decode() for k, v in posix.environ.items()}',
    'return open("/proc/self/environ").read()',
    'return open("/proc/1/environ").read()',
    'import sys\nreturn [sys.argv, sys.orig_argv, str(sys._xoptions), sys.executable]',
    'import sysconfig\nreturn str(sysconfig.get_config_vars())',
    'import site\nreturn [site.getsitepackages(), str(site.ENABLE_USER_SITE)]',
    'import platform\nreturn str(platform.uname())',
    `import os\nreturn os.path.expandvars("$" + ${text})`,
    `import os\nos.putenv("A", "$${name}")\nreturn os.getenv("A")`,
    'import pwd\nreturn str(pwd.getpwall())',
    'import getpass\nreturn getpass.getuser()',
    'import locale\nreturn str(locale.getlocale())',
  ];
};

const PROCESSES = (mark: string) => {
  const touch = JSON.stringify(`touch ${mark}`);
  const path = JSON.stringify(mark);
  return [
    `import os\nreturn os.system(${touch})`,
    `import os\nreturn os.popen(${touch}).read()`,
    `import subprocess\nreturn subprocess.run(["touch", ${path}]).returncode`,
    `import subprocess\nreturn subprocess.getoutput(${touch})`,
    `import subprocess\nreturn subprocess.Popen(${touch}, shell=True).wait()`,
    `import _posixsubprocess\nreturn str(_posixsubprocess.fork_exec)`,
    `import os\nif os.fork() == 0: open(${path}, "w")`,
    `import os\nos.forkpty()`,
    `import os\nos.execv("/usr/bin/touch", ["touch", ${path}])`,
    `import os\nos.execvp("touch", ["touch", ${path}])`,
    `import os\nreturn os.posix_spawn("/usr/bin/touch", ["touch", ${path}], {})`,
    `import os\nreturn os.spawnlp(os.P_WAIT, "touch", "touch", ${path})`,
    `import pty\npty.spawn(["touch", ${path}])`,
    `import multiprocessing\np = multiprocessing.Process(target=open, args=(${path}, "w"))\np.start()\np.join()`,
    `import concurrent.futures\nwith concurrent.futures.ProcessPoolExecutor(1) as e: return str(e.submit(open, ${path}, "w").result())`,
    `import threading\nt = threading.Thread(target=open, args=(${path}, "w"))\nt.start()\nt.join()`,
    `import asyncio\nasyncio.run(asyncio.create_subprocess_shell(${touch}))`,
    `import webbrowser\nreturn webbrowser.open("file://" + ${path})`,
    `import os\nos.kill(os.getppid(), 9)`,
    `import os\nos.killpg(0, 9)`,
    `import os\nreturn os.startfile(${path})`,
    `import pathlib\npathlib.Path(${path}).touch()`,
    `import os\nos.mkdir(${path})`,
    `import os\nos.rename("/tmp", ${path})`,
    `import tempfile\ntempfile.NamedTemporaryFile(dir="/", delete=False).write(b"x")`,
    `import shutil\nshutil.copytree("/lib", ${path})`,
    `import logging\nlogging.FileHandler(${path}).emit(logging.LogRecord("a", 1, "b", 1, "c", (), None))`,
    `import os\nos.mkfifo(${path})`,
    `import sqlite3\nsqlite3.connect(${path}).execute("create table a (b)")`,
  ];
};

const NETWORK = (port: number) => {
  const url = `http://127.0.0.1:${port}`;
  const text = JSON.stringify(url);
  return [
    `import socket\ns = socket.socket()\ns.connect(("127.0.0.1", ${port}))\nreturn s.recv(10).decode()`,
    `import _socket\ns = _socket.socket()\ns.connect(("127.0.0.1", ${port}))`,
    `import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nreturn s.sendto(b"x", ("127.0.0.1", ${port}))`,
    `import socket\ns = socket.socket()\nreturn s.connect_ex(("127.0.0.1", ${port}))`,
    `import socket\nreturn socket.gethostbyname("localhost")`,
    `import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect("/var/run/docker.sock")`,
    `import socket\ns = socket.socket()\ns.bind(("127.0.0.1", 0))\ns.listen()`,
    `import urllib.request\nreturn urllib.request.urlopen(${text}, timeout=1).read().decode()`,
    `import http.client\nc = http.client.HTTPConnection("127.0.0.1", ${port}, timeout=1)\nc.request("GET", "/")\nreturn c.getresponse().read().decode()`,
    `import ftplib\nftplib.FTP().connect("127.0.0.1", ${port}, timeout=1)`,
    `import smtplib\nsmtplib.SMTP("127.0.0.1", ${port}, timeout=1)`,
    `import poplib\npoplib.POP3("127.0.0.1", ${port}, timeout=1)`,
    `import imaplib\nimaplib.IMAP4("127.0.0.1", ${port}, timeout=1)`,
    `import xmlrpc.client\nreturn xmlrpc.client.ServerProxy(${text}).a()`,
    `import asyncio\nasyncio.run(asyncio.open_connection("127.0.0.1", ${port}))`,
    `import logging.handlers\nlogging.handlers.SocketHandler("127.0.0.1", ${port}).createSocket()`,
    `import ssl\nreturn ssl.get_server_certificate(("127.0.0.1", ${port}))`,
    `from pyodide.http import open_url\nreturn open_url(${text}).read()`,
    `from pyodide.http import pyfetch\nreturn pyfetch(${text})`,
    `import micropip\nmicropip.install(${text})`,
    `import pip\npip.main(["install", ${text}])`,
    `import ensurepip\nensurepip.bootstrap()`,
    `import urllib3\nreturn urllib3.request("GET", ${text}).data`,
    `import multiprocessing.connection\nmultiprocessing.connection.Client(("127.0.0.1", ${port}))`,
    `import xml.sax\nxml.sax.parse(${text}, xml.sax.ContentHandler())`,
    `import xml.dom.minidom\nreturn str(xml.dom.minidom.parse(${text}))`,
  ];
};

/** Ways towards JavaScript objects of the process; each leaves what it finds in `found`. */
const BRIDGES = [
  'import js\nfound = [js]',
  'from js import globalThis as g\nfound = [g]',
  'import pyodide_js\nfound = [pyodide_js]',
  'import _pyodide_core\nfound = [_pyodide_core]',
  'import pyodide.code\nfound = [pyodide.code]',
  'import importlib\nfound = [importlib.import_module("js")]',
  'found = [__import__("pyodide_js")]',
  'import sys\nfound = [m for n, m in list(sys.modules.items()) if "js" in n or "pyodide" in n]',
  'import sys\nsys.meta_path[:] = [m for m in sys.meta_path if type(m).__name__ != "Guard"]\nfound = [__import__(n) for n in ("js",)]',
  'import sys\nsys.meta_path[:] = [m for m in sys.meta_path if type(m).__name__ != "Guard"]\nfound = [__import__(n) for n in ("pyodide_js",)]',
  'import sys\nsys.meta_path[:] = [m for m in sys.meta_path if type(m).__name__ != "Guard"]\nfound = [__import__(n) for n in ("_pyodide_core",)]',
  'import sys\nsys.meta_path[:] = [m for m in sys.meta_path if type(m).__name__ != "Guard"]\nimport _pyodide._base, _pyodide._core_docs\nfound = [_pyodide, _pyodide._base, _pyodide._core_docs]',
  'import gc\nfound = [o for o in gc.get_objects() if "Js" in type(o).__name__]',
  'import gc\nfound = [o for o in gc.get_objects() if type(o).__name__ == "module" and ("js" in o.__name__ or "pyodide" in o.__name__)]',
  'import gc\nfound = [v for o in gc.get_objects() if isinstance(o, dict) for v in list(o.values()) if "Js" in type(v).__name__]',
  'found = [c for c in object.__subclasses__() if "Js" in c.__name__ or "Pyodide" in c.__name__]',
  'import sys\nf = sys._getframe()\nfound = []\nwhile f:\n  found += [v for v in {**f.f_globals, **f.f_locals}.values() if "Js" in type(v).__name__]\n  f = f.f_back',
  'import sys\nf = sys._getframe().f_back\nfound = [c.cell_contents for v in f.f_globals.values() if hasattr(v, "__closure__") and v.__closure__ for c in v.__closure__]',
  'import importlib.machinery, sys\nfound = [f for f in sys.meta_path + list(sys.path_importer_cache.values())]',
  'import ctypes\nfound = [ctypes.CDLL(None), ctypes.pythonapi]',
  'import sys\nsys.meta_path[:] = [m for m in sys.meta_path if type(m).__name__ != "Guard"]\nimport ctypes\nfound = [ctypes.CDLL(None)]',
  'import asyncio\nfound = [asyncio.get_event_loop_policy(), asyncio.new_event_loop()]',
  'import builtins\nfound = [v for v in vars(builtins).values() if "Js" in type(v).__name__]',
  'import sys\nfound = [sys.excepthook, sys.unraisablehook, sys.displayhook, sys.stdout, sys.__stdout__, sys.stdin]',
];

/** What is asked of each thing that a bridge found. */
const ASKS = ({ name, file, port }: Place) => [
  `x.process.env.${name}`,
  `x.globalThis.${name}`,
  `x.constructor.constructor("return process.env.${name}")()`,
  `x.eval("process.env.${name}")`,
  `x.require("fs").readFileSync(${JSON.stringify(file)}, "utf8")`,
  `x.run_js('process.getBuiltinModule("fs").readFileSync(' + ${JSON.stringify(JSON.stringify(file))} + ', "utf8")')`,
  `x.fetch("http://127.0.0.1:${port}")`,
  `x.FS.readFile(${JSON.stringify(file)})`,
  `x.mountNodeFS("/mnt", "/")`,
  `x._module.FS.filesystems.NODEFS`,
  `x.emscripten_run_script(b"process.env.${name}")`,
  `x.loadPackage("http://127.0.0.1:${port}/x.whl")`,
  `x.js_id and x.object_entries()`,
];

/** Every payload for Python, each text once. */
export function pythonPayloads(place: Place): PythonPayload[] {
  const all: PythonPayload[] = [];
  const add = (family: string, sources: string[]) => {
    for (const source of sources) all.push({ family, source });
  };
  add('goals', pythonGoals(place));
  add('files', FILES(place.file, place.folder));
  add('environment', ENVIRONMENT(place.name));
  add('processes and files to write', PROCESSES(place.mark));
  add('network', NETWORK(place.port));
  for (const bridge of BRIDGES)
    for (const ask of ASKS(place)) {
      const source = `${bridge}\nseen = []\nfor x in found:\n  try: seen.append(str(${ask}))\n  except BaseException as e: seen.append(type(e).__name__)\nreturn seen[:1000]`;
      all.push({ family: 'bridges to JavaScript', source });
    }
  return [...new Map(all.map((payload) => [payload.source, payload])).values()];
}
