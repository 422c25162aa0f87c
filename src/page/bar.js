// A target's replicas between its bounds: what is ready, what only exists, and what is wanted.
import {h, setAttribute} from './dom.js';
import {plural} from './words.js';

// Up to so many places each replica has one of its own.
const pipsMax = 30;

export function bar() {
  const ready = h('span', {class: 'ready'});
  const rising = h('span', {class: 'rising'});
  const wanted = h('span', {class: 'wanted'});
  const least = h('span', {class: 'least'});
  const element = h('div', {class: 'bar', role: 'img'}, least, rising, ready, wanted);
  element.update = (target) => {
    const known = target.observed !== null;
    const top = Math.max(target.max, target.observed ?? 0, target.desired, 1);
    const place = (count) => `${(100 * count) / top}%`;
    element.style.setProperty('--places', top <= pipsMax ? String(top) : '1');
    ready.style.width = place(known ? target.ready : 0);
    rising.style.width = place(known ? target.observed : 0);
    const [low, high] = known ? [target.observed, target.desired].sort((a, b) => a - b) : [0, 0];
    wanted.style.left = place(low);
    wanted.style.width = place(high - low);
    wanted.hidden = low === high;
    wanted.classList.toggle('more', target.desired > target.observed);
    least.style.width = place(target.min);
    setAttribute(element, 'data-pips', top <= pipsMax ? '' : null);
    setAttribute(element, 'data-unknown', known ? null : '');
    setAttribute(element, 'aria-label', countText(target));
  };
  return element;
}

/** A target of nodes alone has none that could be set. */
export const hasCount = (target) => target.max !== null;

/** "3 of 4 replicas ready, 6 wanted, bounds 1 to 10"; of a target of nodes alone "2 of 3 nodes ready, 2 wanted" */
export function countText(target) {
  const bounds = !hasCount(target) ? '' : `, bounds ${target.min} to ${target.max}`;
  if (target.observed === null) return `not known${bounds}`;
  const counted = plural(target.observed, target.nodes ? 'node' : 'replica');
  const there = target.ready === target.observed
    ? `${counted}${target.observed ? ' ready' : ''}`
    : `${target.ready} of ${counted} ready`;
  const wanted = target.desired === target.observed ? '' : `, ${target.desired} wanted${target.dry_run ? ' (dry run)' : ''}`;
  return `${there}${wanted}${bounds}`;
}
