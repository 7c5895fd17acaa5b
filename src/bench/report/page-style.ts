/** How a report's page looks: light and dark, on a telephone and on paper. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1b1d22; --soft: #5d636f; --line: #dcdfe5; --tint: #f5f6f8; --link: #1f5fbf;
  --none: #9aa1ad; --rel-att: #2f6fd0; --grad-att: #d97a12; --pure-grad: #14936d; --human: #7a52c7; --control: #c3c8d0;
  --right: #2f6fd0; --wrong: #d1493f;
  --part-1: #2f6fd0; --part-2: #8db4ee; --part-3: #efb056; --part-4: #d1493f; --part-5: #c3c8d0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171b; --ink: #e6e8ec; --soft: #9da4b0; --line: #31353d; --tint: #1d2026; --link: #8ab4f5;
    --none: #7c838f; --rel-att: #6a9ff0; --grad-att: #ec9c45; --pure-grad: #3fbd94; --human: #a98bea; --control: #4b515c;
    --right: #6a9ff0; --wrong: #ee776d;
    --part-1: #6a9ff0; --part-2: #3c5f96; --part-3: #c98a33; --part-4: #ee776d; --part-5: #4b515c;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word;
  font: 1rem/1.55 ui-sans-serif, system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif;
}
header, main, nav { max-width: 62rem; margin: 0 auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; text-wrap: balance; letter-spacing: -0.01em; }
h1 { font-size: 2rem; margin: 2.5rem 0 0.5rem; }
h2 { font-size: 1.4rem; margin: 3.5rem 0 0.5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
p { max-width: 44rem; margin: 0.5rem 0; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0.5rem 0 1.5rem; padding: 0; list-style: none; }
.text { color: var(--soft); }
figure { margin: 1.75rem 0; }
figcaption { font-weight: 600; margin-bottom: 0.5rem; }
.note { font-size: 0.8125rem; line-height: 1.45; color: var(--soft); margin: 0.25rem 0 0; max-width: none; }

.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
.scroll:focus-visible, input:focus-visible, a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.45rem 0.75rem; text-align: right; vertical-align: top; white-space: nowrap; }
th { font-weight: 500; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
tbody th { white-space: normal; min-width: 9.5rem; max-width: 22rem; }
thead th { font-size: 0.8125rem; color: var(--soft); vertical-align: bottom; white-space: normal; }
tbody tr { border-top: 1px solid var(--line); }
td small { display: block; font-size: 0.75rem; line-height: 1.4; color: var(--soft); }
@media (max-width: 40rem) { tbody th { min-width: 6rem; max-width: 9rem; } }
.paper, .paper th { color: var(--soft); font-style: italic; }

.plot > svg { display: block; width: 100%; max-width: 30rem; height: auto; }
@media (min-width: 60rem) {
  .plot { display: grid; grid-template-columns: 30rem 1fr; column-gap: 2rem; }
  .plot > figcaption, .plot > .legend { grid-column: 1 / 3; }
  .plot > .note { align-self: end; margin-bottom: 1rem; }
}
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 1.1rem; margin: 0 0 0.25rem; padding: 0; list-style: none; font-size: 0.8125rem; }
.legend li::before {
  content: ''; display: inline-block; width: 0.7em; height: 0.7em; margin-right: 0.4em; border-radius: 2px; background: var(--colour);
}

.filter { display: flex; flex-wrap: wrap; gap: 0.25rem 1.1rem; margin: 1rem 0; padding: 0; border: 0; font-size: 0.9375rem; }
.filter legend { float: left; margin-right: 1.1rem; padding: 0; color: var(--soft); }
.filter input { margin: 0 0.4em 0 0; accent-color: var(--link); }
#gallery:has(#show-lost:checked) .card:not(.lost),
#gallery:has(#show-both-wrong:checked) .card:not(.both-wrong),
#gallery:has(#show-won:checked) .card:not(.won) { display: none; }
/* Unlike words in tables, these have no room to be moved in. */
h1, nav, .card, .facts { overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); gap: 1rem; }
.card { border: 1px solid var(--line); border-radius: 8px; overflow: hidden; background: var(--tint); padding-bottom: 0.75rem; }
.card > :not(.picture) { margin-left: 0.875rem; margin-right: 0.875rem; }
.picture { position: relative; }
.picture img { display: block; width: 100%; height: auto; }
.picture svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.answers { display: flex; gap: 0.75rem; justify-content: space-between; align-items: start; }
.answers img { width: 5.5rem; height: auto; flex: none; border-radius: 4px; }
rect.crop, rect.box { fill: none; vector-effect: non-scaling-stroke; }
.under { stroke: #000; stroke-width: 4; }
.over { stroke: #fff; stroke-width: 2; }
.box { stroke-dasharray: 5 4; }
.box.over { stroke: #7dfcc6; }
.asked { font-weight: 600; line-height: 1.35; margin-top: 0.75rem; white-space: pre-line; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 0.75rem; margin: 0.5rem 0; font-size: 0.9375rem; }
dt { color: var(--soft); }
dd { margin: 0; }
dd.right bdi { color: var(--right); }
dd.wrong bdi { color: var(--wrong); }
dd small { color: var(--soft); }
details { margin: 0.5rem 0; }
summary { cursor: pointer; }
#runs { padding-bottom: 4rem; }
@media print { nav, .filter { display: none; } .scroll { overflow: visible; } .card, figure { break-inside: avoid; } }
`
