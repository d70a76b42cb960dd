// A Sparkplug node that is not ours: Eclipse Tahu's client for node, with metrics
// named as its owner pleases. It reports all that its devices measure four times a
// second. Commands come as JSON, one a line, on standard input; what happens to it
// is told on standard output.
//
//   {"do": "set", "device": "d", "metrics": [...]}   births the device if it is new
//   {"do": "blurt", "device": "d", "metrics": [...]} data of a device never born
//   {"do": "skip"}                                   a message is lost on the way
//   {"do": "kill", "device": "d"}                    the device's certificate of death
//   {"do": "stop"}                                   the node says goodbye and ends
'use strict';
const sparkplug = require('sparkplug-client');
const readline = require('readline');

const devices = new Map();
const client = sparkplug.newClient(Object.assign({publishDeath: true, version: 'spBv1.0'}, JSON.parse(process.argv[2])));
let alive = false;

function payload(metrics) {
  return {timestamp: Date.now(), metrics: metrics.map((m) => Object.assign({}, m))};
}

function births() {
  client.publishNodeBirth(payload([{name: 'Node Control/Rebirth', type: 'Boolean', value: false}]));
  for (const [id, metrics] of devices) client.publishDeviceBirth(id, payload(metrics));
  alive = true;
}

client.on('connect', () => console.log('connected'));
client.on('birth', births);
client.on('close', () => { alive = false; console.log('disconnected'); });
client.on('error', (err) => console.log('error: ' + err.message));
client.on('ncmd', (command) => {
  if ((command.metrics || []).some((m) => m.name === 'Node Control/Rebirth' && m.value)) {
    console.log('rebirth');
    births();
  }
});

const commands = {
  set({device, metrics}) {
    const born = devices.has(device);
    devices.set(device, metrics);
    if (alive && !born) client.publishDeviceBirth(device, payload(metrics));
  },
  blurt({device, metrics}) {
    devices.set(device, metrics);
    client.publishDeviceData(device, payload(metrics));
  },
  skip() {
    client.incrementSeqNum();
  },
  kill({device}) {
    devices.delete(device);
    client.publishDeviceDeath(device, {timestamp: Date.now()});
  },
  stop() {
    clearInterval(timer);
    client.stop();
    process.stdin.destroy();
  },
};
const input = readline.createInterface({input: process.stdin});
input.on('line', (line) => {
  const command = JSON.parse(line);
  commands[command.do](command);
});

const timer = setInterval(() => {
  if (!alive) return;
  for (const [id, metrics] of devices) client.publishDeviceData(id, payload(metrics));
}, 250);
