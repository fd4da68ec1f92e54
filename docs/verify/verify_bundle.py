#!/usr/bin/env python3
"""Checks bundles of a batch, offline, with nothing but Python 3.11 and its standard library.

    python3 verify_bundle.py [--trust KEYS] BUNDLE [BUNDLE ...]
    python3 verify_bundle.py --each LIST        LIST: per line <bundle> TAB <file of trust, or nothing>

First line: the verdict and its reason. Exit code: 0 intact, 1 altered, 2 incomplete, 3 signer not established,
4 nothing could be said. (n) in a comment is check n of docs/auditor.md, "The bundle of a batch".
"""
import base64, datetime, functools, hashlib, itertools, json, os, re, struct, sys, types, zlib
EXIT = {'intact': 0, 'altered': 1, 'incomplete': 2, 'not-established': 3, 'error': 4}
class Malformed(Exception): """Something has not the form it must have: remark."""
class Ended(Exception): """A check ends the work: verdict, reason, remark."""
def form(holds, remark):
    if not holds:
        raise Malformed(remark)
def need(holds, verdict, reason, remark=''):
    if not holds:
        raise Ended(verdict, reason, remark)
def formed(reason, parse, *data, verdict='altered'):
    try:
        return parse(*data)
    except Malformed as bad:
        raise Ended(verdict, reason, str(bad)) from None

# ---- Ed25519 (RFC 8032) without cofactor: encode([S]B - [k]A) must be the bytes R; points are (X, Y, Z, T) ----
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_ONE = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)

def decompress(key):
    """The point of 32 bytes, or None. As in most programs y is taken modulo P, and a "negative" zero is zero."""
    sign, y = key[31] >> 7, (int.from_bytes(key, 'little') & (1 << 255) - 1) % P
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x + u) % P == 0:
        x = x * ROOT_OF_MINUS_ONE % P
    x = -x % P if x & 1 != sign else x
    return (x, y, 1, x * y % P) if (v * x * x - u) % P == 0 else None

def add(p, q):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = p, q
    a, b, c, d = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P, 2 * D * t1 % P * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P
def double(point, times):
    return functools.reduce(lambda p, _: add(p, p), range(times), point)
@functools.lru_cache(256)
def multiples_of_minus(key):
    """Eight rows of sixteen: 0 to 15 times -A, the same times 2^32, and so on; no rows when the key is no point."""
    x, y, z, t = decompress(key) or (0, 0, 0, 0)
    points = itertools.accumulate([32] * 7, double, initial=(-x % P, y, z, -t % P)) if z else ()
    return [list(itertools.accumulate([point] * 15, add, initial=(0, 1, 1, 0))) for point in points]
BASE = multiples_of_minus((4 * pow(5, -1, P) % P | 1 << 255).to_bytes(32, 'little'))
@functools.lru_cache(16384)
def equation_holds(key, r, s, k):
    minus_key, total = multiples_of_minus(key), (0, 1, 1, 0)
    for shift in range(28, -4, -4):
        total = double(total, 4)
        for place, base, minus in zip(range(shift, 256, 32), BASE, minus_key):
            total = add(add(total, base[s >> place & 15]), minus[k >> place & 15])
    x, y = (value * pow(total[2], -1, P) % P for value in total[:2])
    return minus_key and (y | (x & 1) << 255).to_bytes(32, 'little') == r
def verifies(key, message, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], 'little')
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), 'little') % ORDER
    return len(signature) == 64 and s < ORDER and equation_holds(key, r, s, k)

# ---- Lines, numbers, times, JSON ----
NUMBER, HEX, NAME, BASE64 = rb'(0|[1-9][0-9]{0,18})', rb'([0-9a-f]{64})', rb'([!-*,-~]{1,200})', (
    rb'((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?)')
STREAM = rb'((?:batch|recipe|lot|equipment|person|station|capture|site)/[A-Za-z0-9_-]{1,64})'
TIME = rb'([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z)'
ENTRY_START = re.compile(b'{"v":1,"stream":"%b","seq":%b,"prev":"([0-9a-f]{64}|)","time":"' % (STREAM, NUMBER))
MOMENT = re.compile(r'([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?'
                    r'(Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))?')
ALL_BUT_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^][{}"]++', re.DOTALL)

def sha256(data):
    return hashlib.sha256(data).hexdigest()
def is_hex(text, length):
    return isinstance(text, str) and re.fullmatch('[0-9a-f]{%d}' % length, text) is not None
def lines(data):
    form(data[-1:] == b'\n' != data[:1] and b'\n\n' not in data and b'\r' not in data, 'lines, none empty')
    return data[:-1].split(b'\n')
def words(line, pattern):
    form(match := re.fullmatch(pattern, line), 'a line has not its form')
    return match.groups()
def number(digits, least=0):
    form(least <= int(digits) <= 1 << 62, 'a number out of range')
    return int(digits)
def unbase64(text, lengths):  # text is canonical, see BASE64
    form(len(data := base64.b64decode(text)) in lengths, 'base64 of another length')
    return data
def audit_path(line):
    index, hashes = words(line, NUMBER + rb'((?: [0-9a-f]{64}){0,62})')
    hashes = bytes.fromhex(hashes.decode())
    return number(index), [hashes[i:i + 32] for i in range(0, len(hashes), 32)]
def moment(text, zone=True):
    """Microseconds of a time as bundles have it; zone: Z or an offset must follow, or must not."""
    form(match := MOMENT.fullmatch(text.decode() if isinstance(text, bytes) else text), 'a time has not its form')
    *parts, fraction, has_zone, sign, hours, minutes = match.groups()
    try:
        seconds = (datetime.datetime(*map(int, parts)) - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)
    except ValueError:
        raise Malformed('no such time') from None
    form(seconds >= 0 and zone == bool(has_zone), 'before 1970, or with or without offset')
    seconds -= int(sign + hours) * 3600 + int(sign + minutes) * 60 if sign else 0
    return seconds * 10**6 + int((fraction or '').ljust(6, '0'))

def json_object(pairs):
    form(len(found := dict(pairs)) == len(pairs), 'a name twice in an object')
    return found
def json_number(digits):
    form(len(digits) <= 100 and digits[-1] not in 'Ny', 'a long number, NaN or Infinity')
    return 0  # no number in JSON is read
NUMBERS = dict.fromkeys(['parse_int', 'parse_float', 'parse_constant'], json_number)
JSON = json.JSONDecoder(object_pairs_hook=json_object, **NUMBERS)
def json_of(data):
    try:
        text = str(data, 'utf-8')
        levels = itertools.accumulate(1 if bracket in '[{' else -1 for bracket in ALL_BUT_BRACKETS.sub('', text))
        form(all(level <= 32 for level in levels), 'more than 32 levels')
        value = JSON.decode(text)
        json.dumps(value if '\\u' in text else '', ensure_ascii=False).encode()  # half a surrogate cannot be encoded
    except (UnicodeError, json.JSONDecodeError):
        raise Malformed('not JSON') from None
    form(isinstance(value, dict), 'not an object')
    return value

# ---- The members ----
def container(data):
    """Names and bytes of the members (1): the headers made anew from them must be those of the file."""
    at, found, central, view = 0, [], [], memoryview(data)
    while data[at:at + 4] == b'PK\3\4' and len(data) - at >= 30 and len(found) < 60_000:
        size, length = struct.unpack_from('<IH', data, at + 22)
        name, content = data[at + 30:at + 30 + length], view[at + 30 + length:at + 30 + length + size]
        header = struct.pack('<5H3I2H', 10, 0, 0, 0, 33, zlib.crc32(content), size, size, length, 0)
        form(1 <= length <= 100 and len(name) == length and len(content) == size, 'a member is cut')
        form(data[at + 4:at + 30] == header, f'header of {name!r}')
        central.append(b'PK\1\2' + struct.pack('<H', 20) + header + struct.pack('<3H2I', 0, 0, 0, 0, at) + name)
        found.append((name, content))
        at += 30 + length + size
    end = b'PK\5\6' + struct.pack('<4H2IH', 0, 0, len(found), len(found), sum(map(len, central)), at, 0)
    form(data[at:] == b''.join(central) + end, 'directory')
    return found

MEMBERS = ['bundle.txt', 'checkpoint.txt', 'entries.jsonl', 'proofs.txt', 'heads.txt', 'keys.txt', None,  # contents
           'record.pdf', 'index.html']
def sort_members(found):
    members, contents, before = {}, {}, (-1, '')
    for name, content in ((name.decode('latin-1'), content) for name, content in found):
        kind = None if name[:9] == 'contents/' and is_hex(name[9:], 64) else name
        place = MEMBERS.index(kind) if kind in MEMBERS else -1, name
        need(place[0] >= 0 and place > before, 'altered', 'member', ascii(name))  # (2)
        before = place
        (members if kind else contents)[kind or name[9:]] = bytes(content) if kind else content
    need(members.keys() >= set(filter(None, MEMBERS)), 'incomplete', 'member-missing')  # (3)
    return members, contents
def bundle_text(data):
    batch, stream, seq = words(data, b'veribatch bundle 1\n(?=batch/)%b\n%b %b\n' % (STREAM, STREAM, NUMBER))
    return batch.decode(), (stream.decode(), number(seq, 1))

def checkpoint(data):
    head, _, tail = data.partition(b'\n\n')
    origin, size, root = words(head, rb'([!-*,-~]{1,211})\n' + NUMBER + rb'\n' + BASE64)
    size, root, signatures = number(size, 1), unbase64(root, [32]), {}
    form(len(data) <= 20_000 and len(lines(tail)) <= 16, 'too large, or too many signatures')
    for line in lines(tail):
        name, blob = words(line, '— '.encode() + NAME + rb' ' + BASE64)
        blob = unbase64(blob, range(5, 20_000))
        form((name, blob[:4]) not in signatures, 'a signature twice')
        signatures[name, blob[:4]] = blob[4:]
    return types.SimpleNamespace(text=head + b'\n', origin=origin, size=size, root=root, signatures=signatures)

@functools.lru_cache(64)
def keys_of(data):
    form(len(data) <= 1_000_000, 'too large')
    first, *rest = lines(data)
    form(first == b'veribatch keys 1', 'the first line')
    keys, order = types.SimpleNamespace(notes={}, statements={}, quorum=0), ['log', 'statements', 'witness', 'quorum']
    for line in rest:
        word = line.split(b' ')[0].decode('latin-1')
        form(word in order and not keys.quorum, 'a line unknown or out of order')
        order = order[order.index(word):]
        if word == 'quorum':
            keys.quorum = number(words(line, rb'quorum ' + NUMBER)[0], 1)
            form(keys.quorum <= min(16, sum(line.startswith(b'witness ') for line in rest)), 'the quorum is too large')
        elif word == 'statements':
            name, key, start, end = words(line, b'statements ([0-9a-f]{32}) %b %b (?:%b|-)' % (BASE64, TIME, TIME))
            key, start, end = unbase64(key, [32]), moment(start), moment(end) if end else float('inf')
            form(sha256(key)[:32].encode() == name and start < end, 'id and key, or from and until')
            form(keys.statements.setdefault(name.decode(), (key, start, end))[0] is key, 'an id twice')
        else:
            _, name, mark, key = words(line, b'(log|witness) %b\\+([0-9a-f]{8})\\+%b' % (NAME, BASE64))
            mark, key, kind = bytes.fromhex(mark.decode()), unbase64(key, [33]), 1 if word == 'log' else 4
            marks = {kind: hashlib.sha256(name + b'\n' + bytes([kind]) + key[1:]).digest()[:4] for kind in (1, 4)}
            form(key[0] == kind and marks[kind] == mark, 'key and key hash')
            form((word, name, mark) not in keys.notes, 'a key twice')
            keys.notes[word, name, mark] = key[1:]
            if word == 'log':
                keys.notes['cosigner', name, marks[4]] = key[1:]
    form(keys.notes and rest[0].startswith(b'log ') and keys.statements, 'no key of the log, or none for statements')
    return keys

def proofs(members):
    entries = lines(members['entries.jsonl'])
    form(max(map(len, entries)) <= 4_194_304, 'an entry is too long')
    paths, heads = [audit_path(line) for line in lines(members['proofs.txt'])], lines(members['heads.txt'])
    form(len(paths) == len(entries) and len(heads) == 4, 'so many entries, so many proofs; four lines of heads')
    time, streams, root = words(heads[1], rb'heads ' + TIME + rb' ' + NUMBER + rb' ' + HEX)
    batch, seq, newest = words(heads[2], STREAM + rb' ' + NUMBER + rb' ' + HEX)
    moment(time)
    return entries, paths, types.SimpleNamespace(
        path=audit_path(heads[0]), leaf=heads[1] + b'\n', streams=number(streams), root=bytes.fromhex(root.decode()),
        line=heads[2] + b'\n', line_path=audit_path(heads[3]),
        stream=batch.decode(), seq=number(seq, 1), digest=newest.decode())

def entry_of(data):
    start = ENTRY_START.match(data)
    form(start, 'its beginning')
    value = json_of(data)
    by, also, details, changes = value.get('by'), value.get('also', []), value.get('details', {}), value.get('changes')
    form(isinstance(by, dict) and isinstance(details, dict) and isinstance(also, list), 'by, details, also')
    form(isinstance(changes, list) and all(isinstance(change, dict) for change in changes), 'changes')
    form(all(isinstance(change.get('after'), dict | None) for change in changes), 'after')
    texts = [value.get('act'), by.get('person'), by.get('ticket', ''), *also, *details.values()]
    texts += [change.get(name) for change in changes for name in ('table', 'op')]
    form(all(isinstance(text, str) for text in texts), 'something is not text')
    return types.SimpleNamespace(
        stream=start[1].decode(), seq=number(start[2], 1), prev=start[3].decode(), digest=sha256(data),
        act=value['act'], person=by['person'], ticket=by.get('ticket'), also=also, details=details, changes=changes)

def in_tree(line, path, size, root):
    """Whether the line is the leaf with this index and audit path (RFC 6962, 2.1.1)."""
    (index, hashes), last, node = path, size - 1, hashlib.sha256(b'\0' + line).digest()
    for other in hashes:
        if not 0 < last >= index:
            return False
        left = index & 1 or index == last
        node = hashlib.sha256(b'\1' + (other + node if left else node + other)).digest()
        while left and index and not index & 1:
            index, last = index >> 1, last >> 1
        index, last = index >> 1, last >> 1
    return index == last == 0 and node == root

# ---- The checks ----
def check(data, trust, doubts):
    members, contents = sort_members(formed('container', container, data))
    batch, export = formed('bundle-text', bundle_text, members['bundle.txt'])  # (4)
    note = formed('checkpoint-text', checkpoint, members['checkpoint.txt'])  # (5)
    stated = formed('keys-text', keys_of, members['keys.txt'])  # (6)
    raw, paths, heads = formed('proofs-text', proofs, members)  # (7)
    doubts += [] if trust else ['no-trust']  # (8)
    check_signer(note, keys := trust or stated, doubts)
    entries, before = [], -1
    for line, path in zip(raw, paths):
        entry = formed('entry-text', entry_of, line)  # (12)
        where = f'{entry.stream} {entry.seq}'
        need(path[0] > before, 'altered', 'entry-order', where)  # (13)
        there = in_tree(f'entry {where} {entry.digest}\n'.encode(), path, note.size, note.root)
        need(there, 'altered', 'entry-proof', where)  # (14)
        entries.append(entry)
        before = path[0]
    need(in_tree(heads.leaf, heads.path, note.size, note.root), 'altered', 'heads-proof')  # (15)
    under = in_tree(heads.line, heads.line_path, heads.streams, heads.root)
    need(under and heads.stream == batch, 'altered', 'stream-proof')  # (16)
    own = [entry for entry in entries if entry.stream == batch]
    for place, entry in enumerate(own, 1):
        need(entry.seq >= place, 'altered', 'stream-order', f'{entry.seq} after {place - 1}')  # (17)
        need(entry.seq <= place, 'incomplete', 'stream-gap', f'{entry.seq} after {place - 1}')  # (18)
        need(entry.seq <= heads.seq, 'altered', 'stream-beyond', f'{entry.seq}, the heads say {heads.seq}')  # (19)
    need(len(own) == heads.seq, 'incomplete', 'stream-gap', f'{len(own)} entries, the heads say {heads.seq}')
    chained = [entry.prev for entry in own] + [heads.digest] == [''] + [entry.digest for entry in own]
    need(chained, 'altered', 'chain')  # (20)
    found = [entry for entry in entries if (entry.stream, entry.seq) == export]
    need(len(found) == 1, 'incomplete', 'export-missing')  # (21)
    others = formed('export-entry', export_of, found[0], batch, heads.seq)  # (22)
    need(len(entries) - len(own) - 1 >= others, 'incomplete', 'others-missing')  # (23)
    need(len(entries) - len(own) - 1 <= others, 'altered', 'others-unknown')  # (24)
    for name in ('record.pdf', 'index.html'):
        need(sha256(members[name]) == found[0].details[name], 'altered', 'printed-record', name)  # (25)
    need(all(sha256(content) == digest for digest, content in contents.items()), 'altered', 'content')  # (26)
    named = set()
    for entry in entries:
        check_signature(entry, contents, keys, named, doubts)
        for change in entry.changes:
            other = {'ebr.batches': 'recipe_digest', 'ebr.attachments': 'digest'}.get(change['table'])
            digest = (change.get('after') or {}).get(other)
            if isinstance(digest, str):
                need(digest in contents, 'incomplete', 'content-missing', f'{entry.stream} {entry.seq}')  # (34)
                named.add(digest)
    need(named >= contents.keys(), 'altered', 'content-unknown', str(min(contents.keys() - named, default='')))  # (35)
    return f'{len(entries)} entries, {len(contents)} contents, log {note.origin.decode()} of {note.size} entries'

def check_signer(note, keys, doubts):
    signed_by = {'log': [], 'cosigner': [], 'witness': []}
    for (name, mark), role in itertools.product(note.signatures, signed_by):
        key, signature, text = keys.notes.get((role, name, mark)), note.signatures[name, mark], note.text
        if role != 'log':
            text = b'cosignature/v1\ntime %d\n' % int.from_bytes(signature[:8], 'big') + text
            signature = signature[8:]
        if key:
            need(verifies(key, text, signature), 'altered', 'checkpoint-signature', name.decode())  # (9)
            signed_by[role].append(name)
    origin, epoch = note.origin.rsplit(b'/', 1) if b'/' in note.origin else (b'', b'')
    if origin not in signed_by['log'] or not re.fullmatch(rb'[1-9][0-9]{0,8}|1000000000', epoch):
        doubts.append('log-key')  # (10)
    if len(signed_by['witness']) < keys.quorum:
        doubts.append('witnesses')  # (11)

def export_of(entry, batch, last):
    form(entry.stream == 'site/exports' and entry.act == 'batch.export' and batch in entry.also, 'stream, act or also')
    form(all(is_hex(entry.details.get(name), 64) for name in ('record.pdf', 'index.html')), 'digests')
    printed, others = (words(entry.details.get(name, '').encode(), NUMBER)[0] for name in ('printed', 'others'))
    form(number(printed, 1) <= last, 'printed')
    return number(others)

def check_signature(entry, contents, keys, named, doubts):
    where = f'{entry.stream} {entry.seq}'
    rows = [change['after'] for change in entry.changes
            if change['table'] == 'ebr.signatures' and change['op'] == 'insert' and change.get('after') is not None]
    need([row.get('ticket') for row in rows] == [entry.ticket] * (entry.ticket is not None),
         'altered', 'signature-count', where)  # (27)
    for row in rows:
        pair = row.get('statement_digest'), row.get('manifest_digest')
        need(is_hex(pair[0], 64) and is_hex(pair[1], 64), 'altered', 'signature-fields', where)  # (28)
        need(contents.keys() >= set(pair), 'incomplete', 'content-missing', where)  # (29)
        named.update(pair)
        signature, made = formed('signature-fields', signed, entry, row, *map(contents.get, pair))
        key, start, end = keys.statements.get(row['key_id'], (None, made, made))
        if key is None:
            doubts.append('statement-key')  # (31)
        elif not verifies(key, b'veribatch\0manifest\0' + bytes(contents[pair[1]]), signature):
            raise Ended('altered', 'signature', where)  # (32)
        elif not start <= made < end:
            doubts.append('key-time')  # (33)

def signed(entry, row, statement, manifest):
    """What must hold of row, statement, manifest and entry (30); gives the signature and when it was made."""
    statement, manifest = json_of(statement), json_of(manifest)
    texts = [manifest.get(name) for name in ('statement', 'act', 'meaning', 'person', 'name', 'key', 'signed_at')]
    texts += [row.get('signed_at'), row.get('manifest_signature')]
    form(all(isinstance(text, str) for text in texts), 'something is not text')
    of_row = [row.get(name) for name in ('statement_digest', 'act', 'meaning', 'person', 'full_name', 'key_id')]
    form(texts[:6] == of_row, 'row and manifest')
    form([statement.get('act'), statement.get('meaning')] == of_row[1:3], 'row and statement')
    form([entry.act, entry.person] == of_row[1:4:2], 'row and entry')
    made, records = moment(texts[6]), statement.get('records')
    form(made == moment(texts[7], False), 'signed_at')
    form(isinstance(records, list) and all(isinstance(record, dict) for record in records), 'records')
    form(any(record.get('stream') in [entry.stream, *entry.also] for record in records), 'the stream of a record')
    form(is_hex(texts[8], 128), 'manifest_signature')
    return bytes.fromhex(texts[8]), made

# ---- The command ----
def read(path, most):
    try:
        with open(path, 'rb') as file:
            return file.read() if os.fstat(file.fileno()).st_size <= most else b''  # which has no form at all
    except (OSError, ValueError) as bad:
        raise Ended('error', '', f'{path!a}: {bad}') from None

def judge(path, trust):
    doubts = []
    try:
        keys = formed('', keys_of, read(trust, 1_000_000), verdict='error') if trust else None
        remark = check(read(path, 2_000_000_000), keys, doubts)
    except Ended as end:
        return end.args
    except Exception as bug:
        print(f'{path!a}: a fault of this program, please report it: {bug!a}', file=sys.stderr)
        return 'error', '', ''
    return 'not-established' if doubts else 'intact', ''.join(doubts[:1]), remark

def main(arguments):
    sys.stdout.reconfigure(encoding='utf-8', errors='surrogateescape')
    mode = arguments[0] if arguments and arguments[0] in ('--trust', '--each') else ''
    option, files = (arguments[1], arguments[2:]) if mode and arguments[1:] else ('', arguments)
    if any(file.startswith('-') for file in files) or bool(files) == (mode == '--each') or mode and not option:
        print('error', __doc__, sep='\n')
        return EXIT['error']
    pairs, worst = [[file, option] for file in files], 0
    if mode == '--each':
        with open(option, encoding='utf-8', errors='surrogateescape', newline='\n') as listed:
            pairs = [(line.rstrip('\n') + '\t').split('\t')[:2] for line in listed]
    for path, trust in pairs:
        verdict, reason, remark = judge(path, trust)
        worst = max(worst, EXIT[verdict])
        if len(files) == 1:
            print(f'{verdict} {reason}'.strip(), remark, sep='\n')
        else:
            print(verdict, reason or '-', *([path] if files else []))
    return worst

if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, KeyboardInterrupt) as bad:  # no list, or nobody who reads the answer
        print(f'error\n{bad!a}', file=sys.stderr)
        os._exit(EXIT['error'])
