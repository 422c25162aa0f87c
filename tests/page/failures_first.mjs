// A reporter for node's test runner: what failed, and why, comes before the list of what passed.
import {inspect} from 'node:util';

const seconds = (data) => `${(data.details.duration_ms / 1000).toFixed(1)} s`;

export default async function* failuresFirst(events) {
  const failed = [];
  const passed = [];
  const said = [];
  for await (const {type, data} of events) {
    if (type === 'test:fail') failed.push(`FAILED ${data.name} (${seconds(data)})\n${inspect(data.details.error.cause ?? data.details.error)}\n`);
    if (type === 'test:pass' && data.skip === undefined) passed.push(`passed ${data.name} (${seconds(data)})\n`);
    if (type === 'test:diagnostic') said.push(`${data.message}\n`);
    // A program's own output comes with the line's end.
    if (type === 'test:stdout' || type === 'test:stderr') said.push(data.message);
  }
  yield* failed;
  yield* said;
  yield* passed;
}
