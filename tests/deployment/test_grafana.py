from tests.deployment.files import (
    COMPOSE,
    DASHBOARD,
    GRAFANA,
    PROMETHEUS,
    ROOT,
    load_dashboard,
    load_yaml,
    panels,
)

SERVICE = load_yaml(COMPOSE)["services"]["grafana"]


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    (source,) = load_yaml(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == load_yaml(PROMETHEUS)["global"]["scrape_interval"]
    assert {panel["datasource"]["uid"] for panel in panels()} == {source["uid"]}
    (provider,) = load_yaml(GRAFANA / "provisioning/dashboards/classmark.yml")["providers"]
    folder = provider["options"]["path"]
    home = SERVICE["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/{DASHBOARD.name}"
    assert f"./{DASHBOARD.parent.relative_to(ROOT)}:{folder}:ro" in SERVICE["volumes"]


def test_grafana_has_neither_a_default_password_nor_more_than_viewers() -> None:
    environment = SERVICE["environment"]
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_every_panel_explains_itself_and_has_its_own_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in load_dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert all(len(panel["description"]) > 40 for panel in panels())
    ids = [panel["id"] for panel in load_dashboard()["panels"]]
    assert len(set(ids)) == len(ids)
