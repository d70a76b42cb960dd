// Records payloads as Eclipse Tahu's own JavaScript client sends them, so that
// our decoder is tested against bytes that we did not write:
//
//     npm install sparkplug-client@3.2.4 && node record.js
//
// payloads.json maps a name to the payload in base64.
const sparkplug = require('sparkplug-payload').get('spBv1.0');
const pako = require('pako');
const fs = require('fs');

const t = 1764000000250;
const all = [
  ['i8', 'Int8', -5], ['i16', 'Int16', -300], ['i32', 'Int32', -70000], ['i64', 'Int64', -5000000000],
  ['u8', 'UInt8', 200], ['u16', 'UInt16', 60000], ['u32', 'UInt32', 4000000000], ['u64', 'UInt64', 9007199254740991],
  ['float', 'Float', -1.5], ['double', 'Double', 21.25], ['yes', 'Boolean', true], ['no', 'Boolean', false],
  ['string', 'String', '微哨'], ['text', 'Text', 'text'], ['uuid', 'UUID', '0b5e5e7c-4a5d-4e55-a6a5-5f2a3f0e8a11'],
  ['datetime', 'DateTime', t], ['bytes', 'Bytes', new Uint8Array([1, 2, 3])], ['file', 'File', new Uint8Array([4])],
  ['null', 'Double', null],
].map(([name, type, value]) => ({ name, type, value, timestamp: t }));

const dataset = {
  name: 'dataset', type: 'DataSet', timestamp: t,
  value: { numOfColumns: 2, types: ['string', 'double'], columns: ['a', 'b'], rows: [['x', 1], ['y', 2]] },
};
const template = {
  name: 'template', type: 'Template', timestamp: t,
  value: {
    version: '1', templateRef: 'def', isDefinition: false, metrics: [{ name: 'inner', type: 'Double', value: 9 }],
    parameters: [{ name: 'p', type: 'String', value: 'v' }],
  },
};
const rich = {
  name: 'Temperature', alias: 7, type: 'Float', value: 36.5, timestamp: t, isHistorical: true, isTransient: true,
  metadata: { contentType: 'none', size: 4, md5: 'x', description: 'y', isMultiPart: false },
  properties: {
    low: { type: 'Int32', value: -3 }, engUnit: { type: 'String', value: '°C' }, Quality: { type: 'Int32', value: 500 },
    nested: { type: 'PropertySet', value: { engUnit: { type: 'String', value: 'wrong' } } },
    list: { type: 'PropertySetList', value: [{ Quality: { type: 'Int32', value: 0 } }] },
  },
};

const payloads = {
  ndeath: { timestamp: t, metrics: [{ name: 'bdSeq', value: 3, type: 'uint64' }] },
  nbirth: {
    timestamp: t, seq: 0, metrics: [
      { name: 'bdSeq', type: 'uint64', value: 3 }, { name: 'Node Control/Rebirth', type: 'Boolean', value: false }, ...all],
  },
  dbirth: { timestamp: t, seq: 1, metrics: [rich, dataset, template, { name: 'last', alias: 8, type: 'Int16', value: -1, timestamp: t }] },
  ddata: { timestamp: t, seq: 2, metrics: [{ alias: 7, type: 'Float', value: 37.5, timestamp: t + 1000 }] },
  ddeath: { timestamp: t, seq: 255 },
};

const out = {};
for (const [name, payload] of Object.entries(payloads)) out[name] = Buffer.from(sparkplug.encodePayload(payload));
const envelope = (algorithm, body) => Buffer.from(sparkplug.encodePayload({
  uuid: 'SPBV1.0_COMPRESSED', body, metrics: [{ name: 'algorithm', value: algorithm, type: 'string' }],
}));
out.deflated = envelope('DEFLATE', pako.deflate(out.dbirth));
out.gzipped = envelope('GZIP', pako.gzip(out.dbirth));
for (const name in out) out[name] = out[name].toString('base64');
fs.writeFileSync('payloads.json', JSON.stringify(out, null, '\t') + '\n');
