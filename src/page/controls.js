// Setting a count by hand, pause and resume.
import {ask, durations} from './dialog.js';
import {h, setAttribute, setText} from './dom.js';
import * as model from './model.js';
import {plural} from './words.js';

const countMax = 100_000; // as the API has it

/** Does what `change` does, and says in `said` how it went. */
export async function carryOut(said, doing, change) {
  said.dataset.tone = '';
  setText(said, `${doing} …`);
  try {
    const answer = await change();
    said.dataset.tone = answer.warnings?.length ? 'wait' : 'good';
    setText(said, [`${doing}: accepted.`, ...(answer.warnings ?? [])].join(' '));
  } catch (error) {
    said.dataset.tone = 'bad';
    setText(said, `${doing}: ${error.message}`);
  }
}

/** What a person should think about twice; empty: nothing. */
function doubts(target, count) {
  const found = [];
  if (count > target.max) found.push(`${count} is above max (${target.max}).`);
  if (count < target.min && count > 0) found.push(`${count} is below min (${target.min}).`);
  const leaving = target.nodes && target.observed !== null ? target.observed - count : 0;
  if (leaving > 0) found.push(`${plural(leaving, 'node')} will be drained and removed.`);
  if (count === 0) found.push(`0 stops every replica of ${target.name}.`);
  return found;
}

async function setCount(target, count, pin, said) {
  const worries = doubts(target, count);
  if (worries.length > 0) {
    const sure = await ask({
      title: `Set ${target.name} to ${count}?`,
      text: [...worries, pin ? `It is kept so for ${pin}, whatever alerts ask for.` : 'Alerts may move it back afterwards, within its bounds.'],
      yes: count === 0 ? 'Stop all replicas' : `Set to ${count}`, danger: true,
    });
    if (sure === null) return;
  }
  const doing = `Set ${target.name} to ${plural(count, 'replica')}${pin ? ` for ${pin}` : ''}`;
  await carryOut(said, doing, () => model.setReplicas(target.name, count, pin));
}

/** The controls of one target; `update(target)` keeps them true without taking away what somebody is just setting. */
export function controls(first) {
  let target = first;
  let touched = false;
  const said = h('p', {class: 'said', role: 'status'});
  const slider = h('input', {type: 'range', min: 0, step: 1, id: 'count-slider', 'aria-label': 'Replicas, by slider'});
  const number = h('input', {type: 'number', min: 0, max: countMax, step: 1, required: true, id: 'count', inputmode: 'numeric'});
  const pin = durations('pin', 'Keep it', 'do not pin: alerts go on');
  const put = h('button', {type: 'submit', class: 'strong'}, 'Set');
  const back = h('button', {type: 'button', class: 'quiet', onclick: () => release()}, 'Reset');
  const ends = h('div', {class: 'ends soft', 'aria-hidden': 'true'});
  const pause = h('button', {type: 'button', class: 'quiet'}, 'Pause');

  const choose = (value, from) => {
    touched = true;
    if (from !== slider) slider.value = value;
    if (from !== number) number.value = value;
    show();
  };
  slider.addEventListener('input', () => choose(slider.value, slider));
  number.addEventListener('input', () => choose(number.value, number));

  const form = h('form', {class: 'set'},
    h('div', {class: 'slide'}, slider, ends),
    h('label', {class: 'field'}, 'Replicas', number), pin, put, back);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const count = Number(number.value);
    if (!Number.isInteger(count)) return;
    put.disabled = true;
    await setCount(target, count, pin.querySelector('select').value, said);
    put.disabled = false;
    release();
  });
  pause.addEventListener('click', () => (target.pause || target.pin ? takeBack() : stop()));

  async function stop() {
    const answer = await ask({
      title: `Pause ${target.name}?`, text: 'Alerts are still followed, but nothing is done to it until it is resumed.',
      fields: [durations('for', 'For', 'until it is resumed')], yes: 'Pause',
    });
    if (answer) await carryOut(said, `Pause ${target.name}`, () => model.pause(target.name, answer.for));
  }
  const takeBack = () => carryOut(said, `Resume ${target.name}`, () => model.resume(target.name));

  function release() {
    touched = false;
    pin.querySelector('select').value = '';
    update(target);
  }

  function show() {
    const differs = touched && Number(number.value) !== target.desired;
    put.disabled = number.value === '';
    back.hidden = !touched;
    slider.classList.toggle('outside', Number(number.value) < target.min || Number(number.value) > target.max);
    form.classList.toggle('changed', differs);
  }

  function update(next) {
    target = next;
    const top = Math.max(target.max, target.observed ?? 0, target.desired);
    setAttribute(slider, 'max', top);
    ends.replaceChildren(h('span', {}, '0'), h('span', {}, String(top)));
    if (!touched) {
      slider.value = target.desired;
      if (document.activeElement !== number) number.value = target.desired;
    }
    const free = !target.pause && !target.pin;
    setText(pause, free ? 'Pause …' : target.pause ? 'Resume' : 'End the pin');
    for (const part of [form, buttons]) part.hidden = !model.model.mayChange;
    onlyLooks.hidden = model.model.mayChange;
    show();
  }
  const buttons = h('p', {class: 'buttons'}, pause);
  const onlyLooks = h('p', {class: 'soft'}, 'You may only look: whoever runs alertscaler has made you a read-only user.');
  const element = h('section', {class: 'controls', 'aria-label': 'By hand'},
    h('h3', {}, 'By hand'), form, buttons, onlyLooks, said);
  element.update = update;
  update(target);
  return element;
}
