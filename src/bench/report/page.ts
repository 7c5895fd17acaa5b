import { html, raw } from 'hono/html'
import type { Expected } from '../question.ts'
import type { Provenance } from '../row.ts'
import type { Card, Gallery, Said } from './card.ts'
import { describeSettings } from './experiment.ts'
import { type Outcome, outcomes } from './gallery.ts'
import { pageStyle } from './page-style.ts'
import { drawPlot } from './plots.ts'
import {
  type Cell,
  cellText,
  type Figure,
  factsText,
  grouped,
  type Report,
  type Section,
  type Table,
  type TableRow,
} from './table.ts'
import { wayName } from './ways.ts'

// A report as one page that needs nothing else: no script, no font, no picture from anywhere. All texts go through `html`,
// which makes them text and nothing more; only style and plots are taken as they are.

type Html = ReturnType<typeof html>

/** Nothing is loaded, whatever a text in the page says. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

export async function toHtml(report: Report, gallery: Gallery): Promise<string> {
  const { title, text, sections, runs } = report
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${raw(pageStyle)}</style>
</head>
<body>
<header><h1>${title}</h1></header>
${contents(sections, gallery.cards.length > 0)}
<main>
<section class="text">${text.map(one => html`<p>${one}</p>`)}</section>
${sections.map(section)}
${gallery.cards.length > 0 ? questions(gallery) : ''}
<section id="runs"><h2>How it was made</h2>${runs.map(provenance)}</section>
</main>
</body>
</html>
`
  return String(page)
}

const contents = (
  sections: readonly Section[],
  hasGallery: boolean,
): Html => html`<nav aria-label="Contents"><ul>
${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}
${hasGallery ? html`<li><a href="#gallery">Questions to look at</a></li>` : ''}
<li><a href="#runs">How it was made</a></li>
</ul></nav>`

const section = ({ id, title, text, blocks }: Section): Html => html`<section id="${id}">
<h2>${title}</h2>
${text.map(one => html`<p>${one}</p>`)}
${blocks.map(block => (block.kind === 'table' ? table(block) : figure(block)))}
</section>`

// ---------------------------------------------------------------- tables

function table({ title, of, rowsAre, columns, rows, notes }: Table): Html {
  return html`<figure class="table">
<figcaption>${title}</figcaption>
<div class="scroll" role="region" aria-label="${title}" tabindex="0"><table>
<thead><tr><th scope="col">${rowsAre}</th>${columns.map(name => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(tableRow)}</tbody>
</table></div>
<p class="note">${factsText(of)}</p>
${notes.map(note => html`<p class="note">${note}</p>`)}
</figure>`
}

const tableRow = ({ name, cells, isPaper }: TableRow): Html =>
  html`<tr${isPaper ? raw(' class="paper"') : ''}><th scope="row">${name}</th>${cells.map(tableCell)}</tr>`

function tableCell(cell: Cell | null): Html {
  if (cell === null) return html`<td></td>`
  const { value, interval, more } = cellText(cell)
  return html`<td>${value}${[...(interval === null ? [] : [interval]), ...more].map(line => html`<small>${line}</small>`)}</td>`
}

// ---------------------------------------------------------------- figures

const figure = ({ title, of, caption, alt, plot }: Figure): Html => html`<figure class="plot">
<figcaption>${title}</figcaption>
${legend(plot)}
${raw(drawPlot(plot, alt))}
<p class="note">${caption} ${factsText(of)}</p>
</figure>`

/** Of bars the names stand beside them. */
function legend(plot: Figure['plot']): Html | '' {
  if (plot.type === 'bars') return ''
  const named =
    plot.type === 'parts'
      ? plot.parts
      : new Map(plot.points.map(({ series, colour }) => [series, { name: series, colour }])).values()
  return html`<ul class="legend">${[...named].map(
    ({ name, colour }) => html`<li style="--colour: var(--${colour})">${name}</li>`,
  )}</ul>`
}

// ---------------------------------------------------------------- gallery

const outcomeNames: Readonly<Record<Outcome, string>> = {
  lost: 'lost by cropping',
  'both wrong': 'wrong both times',
  won: 'won by cropping',
}

const slug = (outcome: Outcome): string => outcome.replace(' ', '-')

function questions({ cards, leftOut }: Gallery): Html {
  const count = (outcome: Outcome): number => cards.filter(card => card.outcome === outcome).length
  const there = outcomes.filter(outcome => count(outcome) > 0)
  return html`<section id="gallery">
<h2>Questions to look at</h2>
<p>Drawn at random of each outcome, the failures first. The glow is the map, the solid frame the crop, the dashed one what has to be seen.${leftOut > 0 ? ` There was no room for ${grouped(leftOut)} more.` : ''}</p>
<fieldset class="filter"><legend>Show</legend>
<label><input type="radio" name="outcome" id="show-all" checked>all (${cards.length})</label>
${there.map(
  outcome =>
    html`<label><input type="radio" name="outcome" id="show-${slug(outcome)}">${outcomeNames[outcome]} (${count(outcome)})</label>`,
)}
</fieldset>
<div class="cards">${there.flatMap(outcome => cards.filter(card => card.outcome === outcome).map(cardOf))}</div>
</section>`
}

function cardOf(card: Card): Html {
  const { outcome, model, benchmark, way, question, expected, plain, cropped, close } = card
  return html`<article class="card ${slug(outcome)}">
<div class="picture"><img src="${card.picture}" width="${card.image.width}" height="${card.image.height}" alt="${altOf(card)}" decoding="async">${frames(card)}</div>
<p class="asked" dir="auto">${question}</p>
<div class="answers">
<dl>
<dt>expected</dt><dd><bdi>${expectedText(expected)}</bdi></dd>
<dt>plain</dt>${said(plain)}
<dt>with the crop</dt>${said(cropped)}
</dl>
${close === null ? '' : html`<img src="${close}" alt="What was cropped, enlarged" decoding="async">`}
</div>
<p class="note">${model} on ${benchmark}, ${way}: ${outcomeNames[outcome]}</p>
</article>`
}

const altOf = ({ question, crop, boxes }: Card): string =>
  [
    `The picture asked about ("${question}"), with the map over it.`,
    ...(crop === null ? [] : [`The crop is ${crop.width} by ${crop.height} pixels at ${crop.x}, ${crop.y}.`]),
    ...boxes.map(({ x, y, width, height }) => `What has to be seen is ${width} by ${height} at ${x}, ${y}.`),
  ].join(' ')

const frames = ({
  image,
  crop,
  boxes,
}: Card): Html => html`<svg viewBox="0 0 ${image.width} ${image.height}" aria-hidden="true">
${boxes.map(box => frame(box, 'box'))}${crop === null ? '' : frame(crop, 'crop')}
</svg>`

/** Twice, dark below light, so that it stands out from every picture. */
const frame = ({ x, y, width, height }: NonNullable<Card['crop']>, kind: 'box' | 'crop'): Html =>
  html`${['under', 'over'].map(
    level => html`<rect class="${kind} ${level}" x="${x}" y="${y}" width="${width}" height="${height}"/>`,
  )}`

const said = ({ answer, score }: Said): Html =>
  html`<dd class="${score !== null && score >= 0.5 ? 'right' : 'wrong'}"><bdi>${answer || '(nothing)'}</bdi> ${score === null ? '' : html`<small>${score.toFixed(score % 1 === 0 ? 0 : 2)}</small>`}</dd>`

function expectedText(expected: Expected): string {
  if (expected.type === 'yes-no') return expected.answer
  if (expected.type === 'choice') {
    const { options, correct } = expected
    return `${String.fromCharCode(65 + correct)}: ${options[correct]}`
  }
  return [...new Set(expected.answers)].join(' · ')
}

// ---------------------------------------------------------------- provenance

function provenance(run: Provenance): Html {
  const { id, startedAt, versions, machine, model, settings, benchmark, ways } = run
  const lines: readonly (readonly [string, string])[] = [
    ['started', startedAt],
    [
      'model',
      `${model.name}, ${model.modelType}, ${model.layerCount} layers, input of ${model.inputSize} pixels`,
    ],
    ['its hash', model.hash],
    ['settings', describeSettings(settings)],
    ['benchmark', `${benchmark.name}, ${benchmark.form}, ${benchmark.questionCount} questions`],
    ['its hash', benchmark.hash],
    ['ways', ways.map(wayName).join('; ')],
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['machine', `${machine.cpu}, ${machine.platform}, ${machine.threads} threads, ${machine.device}`],
  ]
  return html`<details><summary>${id}: ${model.name}, ${benchmark.name}</summary>
<dl class="facts">${lines.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></details>`
}
