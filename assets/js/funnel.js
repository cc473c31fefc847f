// The filters of a draw, as transformers applies them, in its order. Pure: from logits to the stages of the funnel.
// The same in Python: playground/decoding/processors.py; tests hold one against the other.
const funnel = (() => {
  const REMOVED = -Infinity;

  const softmax = (scores) => {
    let most = REMOVED;
    for (const score of scores) if (score > most) most = score;
    const probs = new Float64Array(scores.length);
    let total = 0;
    for (let id = 0; id < scores.length; id++) total += probs[id] = Math.exp(scores[id] - most);
    for (let id = 0; id < scores.length; id++) probs[id] /= total;
    return probs;
  };
  // Ids of what is left, most likely first
  const ranked = (scores) => {
    const ids = [];
    for (let id = 0; id < scores.length; id++) if (scores[id] > REMOVED) ids.push(id);
    return ids.sort((a, b) => scores[b] - scores[a] || a - b);
  };

  const penalise = (scores, { repetitionPenalty }, { seen }) => {
    const penalty = Math.fround(repetitionPenalty);
    for (const id of new Set(seen)) if (id < scores.length) scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
  };
  const forbidRepeats = (scores, { noRepeat }, { seen }) => {
    const begun = seen.slice(seen.length - noRepeat + 1);
    for (let at = 0; at + noRepeat <= seen.length; at++)
      if (begun.every((id, place) => seen[at + place] === id)) scores[seen[at + noRepeat - 1]] = REMOVED;
  };
  const obey = ({ ids, keeps }) => (scores) => {
    const named = new Set(ids);
    for (let id = 0; id < scores.length; id++) if (named.has(id) !== keeps) scores[id] = REMOVED;
    // A token that must come is possible whatever was before
    if (keeps && !ids.some((id) => scores[id] > REMOVED)) for (const id of ids) scores[id] = 0;
  };
  const heat = (scores, { temperature }) => {
    const divisor = Math.fround(temperature);
    for (let id = 0; id < scores.length; id++) scores[id] /= divisor;
  };
  const keepTopK = (scores, { topK }) => {
    const least = Float32Array.from(scores).sort()[Math.max(0, scores.length - topK)];
    for (let id = 0; id < scores.length; id++) if (scores[id] < least) scores[id] = REMOVED;
  };
  const keepTopP = (scores, { topP }) => {
    const probs = softmax(scores);
    let sum = 0;
    const ids = ranked(scores).reverse();
    for (const id of ids.slice(0, -1)) {
      sum += probs[id];
      if (sum > 1 - topP) break;
      scores[id] = REMOVED;
    }
  };
  const keepMinP = (scores, { minP }) => {
    const probs = softmax(scores);
    const best = ranked(scores)[0];
    for (let id = 0; id < scores.length; id++) if (probs[id] < minP * probs[best] && id !== best) scores[id] = REMOVED;
  };
  const keepTypical = (scores, { typicalP }) => {
    const probs = softmax(scores);
    let entropy = 0;
    for (const p of probs) if (p > 0) entropy -= p * Math.log(p);
    const strangeness = (id) => Math.abs(-Math.log(probs[id]) - entropy);
    const ids = ranked(scores).sort((a, b) => strangeness(a) - strangeness(b));
    let sum = 0;
    let last = 0;
    for (; last < ids.length - 1 && (sum += probs[ids[last]]) < typicalP; last++);
    const most = strangeness(ids[last]);
    for (const id of ids.slice(1)) if (strangeness(id) > most) scores[id] = REMOVED;
  };

  // [name, whether it applies, what it does], in transformers' order
  const filters = (settings, context) => [
    ["repetition penalty", settings.repetitionPenalty !== 1, penalise],
    ["no repeats", settings.noRepeat > 0 && context.seen.length >= settings.noRepeat, forbidRepeats],
    ...context.rules.map((rule) => [rule.name, true, obey(rule)]),
    ["temperature", settings.draws && settings.temperature !== 1, heat],
    ["top-k", settings.draws && settings.topK > 0, keepTopK],
    ["top-p", settings.draws && settings.topP < 1, keepTopP],
    ["min-p", settings.draws && settings.minP > 0, keepMinP],
    ["typical-p", settings.draws && settings.typicalP < 1, keepTypical],
  ];

  // logits: Float32Array. Returns stages {name, kept, survived, probs}, the model's own distribution first.
  const stages = (logits, settings, context) => {
    let probs = softmax(logits);
    const count = (scores) => scores.reduce((sum, score) => sum + (score > REMOVED), 0);
    const found = [{ name: "model", kept: count(logits), survived: 1, probs }];
    const scores = Float32Array.from(logits);
    for (const [name, applies, filter] of filters(settings, context)) {
      if (!applies) continue;
      filter(scores, settings, context);
      let survived = 0;
      for (let id = 0; id < scores.length; id++) if (scores[id] > REMOVED) survived += probs[id];
      const kept = count(scores);
      if (!kept) return [...found, { name, kept, survived: 0, probs: new Float64Array(scores.length) }];
      survived = kept === found.at(-1).kept ? 1 : survived;
      probs = softmax(scores);
      if (name === found.at(-1).name) survived *= found.pop().survived; // several rules are one stage
      found.push({ name, kept, survived, probs });
    }
    return found;
  };

  return { stages, ranked };
})();
