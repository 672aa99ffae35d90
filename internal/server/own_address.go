package server

import (
	"net"

	"leat/internal/listener"
)

// ownAddress is what clients of listeners with advertised.listeners=auto are told of this node: the address by which they came. Nil: there is no such listener.
func (n *node) ownAddress() func(c *listener.Conn) (host string, port uint16, ok bool) {
	ports := map[string]uint16{} // by listener; 0: the one that the client came to
	for _, a := range n.listeners.Advertised {
		if a.Follows {
			ports[a.Name] = uint16(a.Port)
		}
	}
	if len(ports) == 0 {
		return nil
	}
	return func(c *listener.Conn) (string, uint16, bool) {
		port, follows := ports[c.Listener]
		if !follows {
			return "", 0, false
		}
		host, came := cameTo(c)
		if port == 0 {
			port = came
		}
		return host, port, host != ""
	}
}

// cameTo is the address by which a client reached this node: under TLS the name that it looked for, else the local address of the connection. An address that
// means something on one link only is none.
func cameTo(c *listener.Conn) (host string, port uint16) {
	at := c.Local.Addr().Unmap()
	switch {
	case c.ServerName != "":
		return c.ServerName, c.Local.Port()
	case !at.IsValid() || at.IsLinkLocalUnicast():
		return "", 0
	}
	return at.String(), c.Local.Port()
}

// machineAddress is the address of this machine by which others most likely reach it: the first one, of IPv4 if there is any, that is not for this machine
// or one link alone; "": there is none.
func machineAddress() string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	six := ""
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		switch {
		case !ok || !n.IP.IsGlobalUnicast():
		case n.IP.To4() != nil:
			return n.IP.String()
		case six == "":
			six = n.IP.String()
		}
	}
	return six
}
