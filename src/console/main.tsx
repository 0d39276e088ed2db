import { render } from 'preact'
import { Application } from './application.tsx'
import './styles/theme.css'
import './styles/layout.css'
import './styles/tables.css'
import './styles/forecast.css'

const place = document.getElementById('application')
if (place === null) throw new Error('index.html must hold the element #application')
render(<Application />, place)
