/**
 * What runs inside Python around a person's code, as text, because it shares nothing with us but texts. It defines
 * `sluice_run(head, body)`, which gives one text back: a line of JSON `{ logs, errors?, failure? }`, and after it the
 * list of results as JSON text. Nothing here is a boundary: the process is.
 */
export const PYTHON_HARNESS = String.raw`
import ast, builtins, datetime, decimal, dataclasses, enum, gc, importlib.abc, importlib.util, inspect, io, json
import math, os, random, re, sys, types, uuid, zipimport

def _make():
    loads, dumps = json.loads, json.dumps
    blocked = {'js', 'pyodide_js', 'pyodide', '_pyodide', '_pyodide_core', 'micropip', 'ctypes', '_ctypes'}
    homes = ('/home/pyodide', '/tmp')
    # Ids, tokens and the numbers of random come from the run's own seed: a retry asks the same things.
    class Chance:
        """Seeded when it is asked first: to seed costs more than most code does."""
        def __init__(self):
            self._seed, self._numbers = '', None
        def begin(self, seed):
            self._seed, self._numbers = seed, None
        def numbers(self):
            if self._numbers is None:
                self._numbers = random.Random(self._seed)
            return self._numbers
    chance = Chance()
    os.urandom = random._urandom = lambda size: chance.numbers().randbytes(size)

    class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        """The project's other scripts, by name: beside the script that runs, then from the top of scripts/."""
        def __init__(self):
            self.files, self.roots = {}, []
        def find_spec(self, name, path=None, target=None):
            inner = name.replace('.', '/')
            for root in self.roots:
                base = root + '/' + inner
                for file, package in ((base + '/__init__.py', True), (base + '.py', False)):
                    if file in self.files:
                        spec = importlib.util.spec_from_loader(name, self, origin=file, is_package=package)
                        spec.has_location = False
                        return spec
                if any(file.startswith(base + '/') for file in self.files):
                    return importlib.util.spec_from_loader(name, self, origin=None, is_package=True)
            return None
        def create_module(self, spec):
            return None
        def exec_module(self, module):
            file = module.__spec__.origin
            if file is not None:
                module.__file__ = file
                exec(compile(self.files[file], file, 'exec', dont_inherit=True), module.__dict__)

    class Early(importlib.abc.MetaPathFinder):
        """The project's own scripts come before what wheels have of the same name; the standard library comes first."""
        def find_spec(self, name, path=None, target=None):
            return None if name.split('.')[0] in sys.stdlib_module_names else finder.find_spec(name, path, target)

    compiled = {}
    class Wheel(zipimport.zipimporter):
        """A wheel as it lies there. What was compiled is kept; each call has its modules anew."""
        def get_code(self, name):
            key = (self.archive, name)
            if key not in compiled:
                compiled[key] = super().get_code(name)
            return compiled[key]
    def wheel_hook(path):
        if not path.startswith('/wheels/'):
            raise ImportError('not a wheel', path=path)
        return Wheel(path)

    class Guard(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.split('.')[0] in blocked:
                raise ModuleNotFoundError("'" + name + "' is not there: this Python has no browser, no machine code and nothing to install from", name=name)
            return None

    finder, early, guard = Finder(), Early(), Guard()

    class Log(io.TextIOBase):
        def __init__(self, level, lines, limit):
            self.level, self.lines, self.limit, self.rest = level, lines, limit, ''
        def writable(self):
            return True
        def write(self, text):
            if not isinstance(text, str):
                raise TypeError('write() needs text')
            if len(self.lines) > self.limit:
                return len(text)
            *lines, self.rest = (self.rest + text[:200_000]).split('\n')
            for line in lines:
                add_line(self.lines, self.limit, self.level, line)
            if len(self.rest) > 10_000:
                self.rest = self.rest[:10_001]
            return len(text)
        def end(self):
            if self.rest:
                add_line(self.lines, self.limit, self.level, self.rest)
            self.rest = ''

    def add_line(lines, limit, level, text):
        if len(lines) > limit:
            return
        if len(lines) == limit:
            lines.append({'level': 'warn', 'message': 'More than %d lines: the rest is left out.' % limit})
            return
        lines.append({'level': level, 'message': text if len(text) <= 10_000 else text[:9_999] + '…'})

    class Items:
        """The items of another step: all(), first(), last(), and item, the one that the current item came from."""
        def __init__(self, name, items, at):
            self._name, self._items, self._at = name, items, at
        def all(self):
            return self._items
        def first(self):
            return self._items[0] if self._items else None
        def last(self):
            return self._items[-1] if self._items else None
        @property
        def item(self):
            if self._at is None:
                raise LookupError("There is no lineage from this item to step '%s'. Use first(), last() or all()." % self._name)
            return self._items[self._at]

    class Context:
        def __init__(self, given, lines, limit):
            self.env, self.run, self.workflow = given['env'], given['run'], given['workflow']
            self._given, self._lines, self._limit, self._index = given, lines, limit, 0
        def now(self):
            return self._given['now']
        def random(self):
            return chance.numbers().random()
        def uuid(self):
            return str(uuid.UUID(int=chance.numbers().getrandbits(128), version=4))
        def log(self, *values):
            add_line(self._lines, self._limit, 'info', ' '.join(str(value) for value in values))
        def step(self, name):
            steps, lineage = self._given['steps'], self._given.get('lineage') or {}
            if name not in steps:
                raise LookupError("There are no items of a step '%s' here." % name)
            items = steps[name]
            at = lineage[name][self._index] if name in lineage else (0 if len(items) == 1 else None)
            return Items(name, items, at)

    class Failure(Exception):
        def __init__(self, code, message, advice=None):
            self.told = {'code': code, 'message': message}
            if advice:
                self.told['advice'] = advice

    def place_of(error, known):
        place = ''
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename in known:
                line, column = trace.tb_lineno, None
                positions = list(code.co_positions())
                at = trace.tb_lasti // 2
                if 0 <= at < len(positions) and positions[at][0] is not None:
                    line, column = positions[at][0], positions[at][2]
                place = ' (%s:%d%s)' % (code.co_filename, line, '' if column is None else ':%d' % (column + 1))
            trace = trace.tb_next
        return place

    def text_of(error):
        try:
            return str(error)[:4_000]
        except BaseException:
            return '(a message that cannot be shown)'

    def failure_of(error, known):
        if isinstance(error, Failure):
            return error.told
        if isinstance(error, SyntaxError) and error.filename in known:
            return {'code': 'code.syntax', 'message': '%s: %s (%s:%s:%s)' % (type(error).__name__, error.msg, error.filename, error.lineno, error.offset)}
        place = place_of(error, known)
        if isinstance(error, KeyboardInterrupt):
            return {'code': 'code.timed_out', 'message': 'The code took longer than it may and was stopped%s.' % place,
                    'advice': 'Look for a loop without an end, or give it fewer items at a time.'}
        if isinstance(error, MemoryError):
            return {'code': 'code.memory_exceeded', 'message': 'The code needed more memory than it may have%s.' % place,
                    'advice': 'Work on fewer items at a time, or keep less of them.'}
        if isinstance(error, SystemExit):
            return {'code': 'code.failed', 'message': 'The code called exit()%s.' % place, 'advice': 'Return, or raise an error.'}
        name, message = type(error).__name__, text_of(error)
        what = (message or name) if type(error) is Exception else (name + ': ' + message if message else name)
        told = {'code': 'code.failed', 'message': what + place}
        if isinstance(error, ModuleNotFoundError):
            told['advice'] = "Python has its standard library here, the project's other .py files and the wheels in scripts/wheels; nothing is fetched."
        return told

    def plain(value, seen=()):
        """A value as JSON can say it: what JSON has no word for becomes text, a list or nothing."""
        if value is None or value is True or value is False or isinstance(value, str):
            return str(value) if isinstance(value, str) else value
        if isinstance(value, enum.Enum):
            return plain(value.value, seen)
        if isinstance(value, int):
            return int(value) if -9007199254740991 <= value <= 9007199254740991 else str(value)
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, decimal.Decimal):
            return str(value)
        if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
            return value.isoformat()
        if isinstance(value, uuid.UUID):
            return str(value)
        if id(value) in seen:
            raise ValueError('The value holds itself.')
        if len(seen) > 200:
            raise Failure('code.output_exceeded', 'The code gave a value that is nested more than 200 deep.')
        inner = (*seen, id(value))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name), inner) for field in dataclasses.fields(value)}
        if isinstance(value, dict):
            return {key if isinstance(key, str) else str(plain(key, inner)): plain(one, inner) for key, one in value.items()}
        if isinstance(value, (list, tuple, set, frozenset, types.GeneratorType)) or isinstance(value, (type({}.keys()), type({}.values()), type({}.items()), map, filter, zip, range)):
            return [plain(one, inner) for one in value]
        raise TypeError('%s is not JSON: give a dict, a list, text, a number, True, False or None.' % type(value).__name__)

    large = re.compile(r'\d{16}')
    class Odd(Exception):
        pass
    def odd(value):
        raise Odd()
    def text_of_value(value):
        try:
            text = dumps(value, allow_nan=False, separators=(',', ':'), default=odd)
            if not large.search(text):
                return text
        except (Odd, ValueError, TypeError, RecursionError):
            pass
        return dumps(plain(value), allow_nan=False, separators=(',', ':'))

    def finish(value):
        if inspect.iscoroutine(value):
            try:
                value.send(None)
            except StopIteration as stop:
                return stop.value
            value.close()
            raise RuntimeError('The code awaits something that never comes: there is no network and no timer here.')
        return value

    def load(head):
        path, source = head['path'], head['source']
        if head['kind'] == 'body':
            body = ast.parse(source, filename=path).body
            names = [ast.arg(arg=name) for name in ('item', 'items', 'json', 'ctx')]
            arguments = ast.arguments(posonlyargs=[], args=names, kwonlyargs=[], kw_defaults=[], defaults=[])
            main = ast.FunctionDef(name='main', args=arguments, body=body or [ast.Pass()], decorator_list=[], type_params=[])
            module = ast.fix_missing_locations(ast.Module(body=[main], type_ignores=[]))
            space = {'__name__': 'step'}
            exec(compile(module, path, 'exec', dont_inherit=True), space)
            return space.pop('main')
        inner = path.removeprefix('scripts/').removesuffix('.py')
        name = inner.replace('/', '.')
        module = types.ModuleType(name)
        module.__file__ = path
        module.__package__ = name.rpartition('.')[0]
        sys.modules[name] = module
        exec(compile(source, path, 'exec', dont_inherit=True), module.__dict__)
        main = module.__dict__.get('main')
        if not callable(main):
            raise Failure('code.syntax', '%s defines no function main.' % path, 'Write def main(item, ctx): and return a dict.')
        return main

    def begin(seed, uses_random):
        chance.begin(seed)
        if uses_random:
            random.seed(seed)

    def takes(main):
        """How many arguments a function of the person's wants: (item, ctx), or just (item)."""
        code = getattr(main, '__code__', None)
        return 2 if code is None or code.co_flags & 4 else min(2, code.co_argcount)

    names_now = vars(builtins)
    first_builtins, first_modules, depth = dict(names_now), {}, sys.getrecursionlimit()
    first_path, first_env, first_meta, first_hooks = list(sys.path), dict(os.environ), None, list(sys.path_hooks)

    def reset():
        """Takes away what the last call left: its modules, names, files and hooks. What it changed inside the standard library stays."""
        names_now.update(first_builtins)
        for name in [name for name in names_now if name not in first_builtins]:
            del names_now[name]
        sys.settrace(None); sys.setprofile(None); sys.setrecursionlimit(depth)
        for name in list(sys.modules):
            if name not in first_modules:
                module = sys.modules[name]
                spec = getattr(module, '__spec__', None)
                if spec is None or spec.loader is finder or isinstance(spec.loader, Wheel) or '/wheels/' in str(spec.submodule_search_locations or '') or name.split('.')[0] in blocked:
                    del sys.modules[name]
        for name, module in first_modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
        logging = sys.modules.get('logging')
        if logging is not None:
            # Its handler would write to where the last call wrote.
            logging.root.handlers.clear(); logging.root.setLevel(logging.WARNING)
        sys.path[:] = first_path
        sys.path_hooks[:] = [wheel_hook, *first_hooks]
        sys.meta_path[:] = [guard, early, *first_meta, finder]
        os.environ.clear(); os.environ.update(first_env)
        os.chdir(homes[0])
        for home in homes:
            for folder, folders, names in os.walk(home, topdown=False):
                for name in names: os.remove(folder + '/' + name)
                for name in folders: os.rmdir(folder + '/' + name)

    def answer(head, body='[]'):
        return dumps(head) + '\n' + body

    def run(head_text, body_text):
        reset()
        head, body = loads(head_text), loads(body_text)
        path, limits, given, items = head['path'], head['limits'], body['context'], body['items']
        finder.files = dict(head.get('files') or {})
        wheels = head.get('wheels') or []
        sys.path.extend(wheels)
        finder.roots = list(dict.fromkeys([path.rpartition('/')[0], 'scripts'])) if head['kind'] == 'module' else []
        known = {path, *finder.files}
        lines, limit = [], limits['logLines']
        random.seed(given['seed'])
        out, err = Log('info', lines, limit), Log('warn', lines, limit)
        sys.stdout, sys.stderr = out, err
        context = Context(given, lines, limit)
        errors, parts, size = [], [], 2
        try:
            uses_random = bool(wheels) or any('random' in text for text in (head['source'], *finder.files.values()))
            begin(given['seed'], uses_random)
            main = load(head)
            inline, wants = head['kind'] == 'body', takes(main)
            def call(item, index):
                context._index = index
                if inline:
                    value = main(item, items, item['json'] if item else {}, context)
                else:
                    first = items if body['mode'] == 'once' else item
                    value = main(*(first, context)[:wants])
                return text_of_value(finish(value))
            def keep(text):
                nonlocal size
                size += len(text) + 1
                if size > limits['outputBytes']:
                    raise Failure('code.output_exceeded', 'The code gave more than %d bytes.' % limits['outputBytes'], 'Return less, or fewer items at a time.')
                parts.append(text)
            if body['mode'] == 'once':
                keep(call(items[0] if items else None, 0))
            else:
                for index, item in enumerate(items):
                    begin('%s#%d' % (given['seed'], index), uses_random)
                    try:
                        text = call(item, index)
                    except (KeyboardInterrupt, MemoryError, Failure):
                        raise
                    except BaseException as error:
                        told = failure_of(error, known)
                        message = told['message'] + ('. ' + told['advice'] if 'advice' in told else '')
                        errors.append({'index': index, 'code': told['code'], 'message': message})
                        text = 'null'
                    keep(text)
            out.end(); err.end()
            head = {'logs': lines}
            if errors:
                head['errors'] = errors
            return answer(head, '[' + ','.join(parts) + ']')
        except BaseException as error:
            parts.clear()
            out.end(); err.end()
            return answer({'logs': lines, 'failure': failure_of(error, known)})
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
            finder.files = {}

    def seal():
        nonlocal first_meta
        for name in list(sys.modules):
            if name.split('.')[0] in blocked:
                del sys.modules[name]
        first_modules.update(sys.modules)
        first_meta = [one for one in sys.meta_path if 'js' not in type(one).__name__.lower()]
    return run, seal

sluice_run, sluice_seal = _make()
`;
